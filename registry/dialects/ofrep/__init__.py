"""The OpenFeature Remote Evaluation Protocol: which version of a prompt a user gets."""
