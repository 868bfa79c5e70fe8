// An application with the Langfuse SDKs for JavaScript: settings from the environment.
import { LangfuseClient } from "@langfuse/client";
import { LangfuseSpanProcessor } from "@langfuse/otel";
import { startObservation } from "@langfuse/tracing";
import { NodeTracerProvider } from "@opentelemetry/sdk-trace-node";

const logged = [];
for (const level of ["warn", "error"]) {
  console[level] = (...said) => logged.push(`${level}: ${said.map(String).join(" ")}`);
}
const processor = new LangfuseSpanProcessor();
const provider = new NodeTracerProvider({ spanProcessors: [processor] });
provider.register();
const client = new LangfuseClient();
const quick = { cacheTtlSeconds: 0, maxRetries: 0 };
const answers = {};

const prompt = async (name, asked = {}) => {
  const got = await client.prompt.get(name, { ...quick, ...asked });
  const { version, labels, config, isFallback } = got;
  return { version, labels, config, fallback: isFallback, compiled: got.compile({ name: "Ann" }) };
};
const error = async (call) => {
  try {
    await call();
  } catch (failure) {
    return `${failure.name} ${failure.message} ${JSON.stringify(failure.body ?? failure.cause?.body ?? "")}`;
  }
  return "no error";
};

const welcome = "team/welcome";
for (const label of [undefined, "production", "canary", "latest", "production@29", "stable@30"]) {
  answers[`label ${label ?? "None"}`] = await prompt(welcome, label ? { label } : {});
}
answers.version = await prompt(welcome, { version: 2 });
const chat = await client.prompt.get("support/chat", { ...quick, type: "chat" });
const turns = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }];
answers.chat = chat.compile({ company: "ACME", question: "Why?" }, { history: turns });
answers.shape = (await prompt("shape")).compiled;
answers.health = (await client.api.health.health()).status;
const listed = await client.api.prompts.list({ limit: 2, page: 2 });
answers.list = [listed.data.map((one) => one.name), listed.meta.totalItems];
for (const name of ["listing", "latex", "greeting", "nobody"]) {
  answers[`refused ${name}`] = await error(() => client.prompt.get(name, quick));
}
answers["no label"] = await error(() => client.prompt.get(welcome, { ...quick, label: "blue" }));
answers.fallback = await prompt("nobody", { fallback: "Hi {{name}}" });
answers.create = await error(() => client.prompt.create({ name: "mine", prompt: "Hi", labels: [] }));
answers.update = await error(() =>
  client.prompt.update({ name: welcome, version: 2, newLabels: ["production"] }),
);
logged.length = 0;
const arm = await client.prompt.get(welcome, { ...quick, label: "canary" });
const prompted = { name: arm.name, version: arm.version, isFallback: false };
const span = startObservation("answer", { prompt: prompted }, { asType: "generation" });
span.update({ output: "fine" }).end();
await processor.forceFlush();
client.score.observation(span, { name: "helpful", value: 1, dataType: "BOOLEAN" });
client.score.create({ traceId: span.traceId, name: "said", value: "thanks", dataType: "CATEGORICAL" });
await client.flush();
await processor.shutdown();
answers.logged = logged;
console.log("\n" + JSON.stringify(answers));
