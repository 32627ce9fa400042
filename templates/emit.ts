import { ts } from "ts-morph";

/** A skeleton as a JavaScript module: its types taken off. */
export function javascript(text: string): string {
  const { outputText } = ts.transpileModule(text, { compilerOptions: options });
  return outputText;
}

/** A skeleton's declarations, for what imports the object itself. */
export function declarations(text: string): string {
  const { outputText } = ts.transpileDeclaration(text, {
    compilerOptions: { ...options, declaration: true },
  });
  return outputText;
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  verbatimModuleSyntax: true,
  isolatedDeclarations: true,
  newLine: ts.NewLineKind.LineFeed,
};
