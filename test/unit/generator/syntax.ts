import { ts } from "ts-morph";

/** What TypeScript's parser finds wrong with a text; it knows nothing of types. */
export function syntaxErrors(text: string): string[] {
  const file = ts.createSourceFile("a.ts", text, ts.ScriptTarget.ES2022, false, ts.ScriptKind.TS) as {
    parseDiagnostics?: readonly { messageText: unknown; start?: number }[];
  };
  return (file.parseDiagnostics ?? []).map(({ messageText, start = 0 }) => {
    const line = text.slice(0, start).split("\n").length;
    return `line ${line}: ${JSON.stringify(messageText)}: ${text.split("\n")[line - 1]?.slice(0, 200)}`;
  });
}
