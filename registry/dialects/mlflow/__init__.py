"""The MLflow prompt registry, read side, as `mlflow.genai.load_prompt` of MLflow 3 calls it."""
