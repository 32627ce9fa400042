import { ts } from "ts-morph";
import * as codegen from "../../runtime/codegen.js";

/**
 * The proof that an object chose names and numbers of the text, and no code: everything in the syntax tree is one of
 * the shapes below, and what is not is reported. It is written against the syntax of TypeScript, not against the
 * templates, so a template that prints something new fails here first.
 */
export function violations(text: string): string[] {
  const file = ts.createSourceFile("a.ts", text, ts.ScriptTarget.ES2022, true, ts.ScriptKind.TS);
  const { parseDiagnostics = [] } = file as { parseDiagnostics?: readonly { messageText: unknown }[] };
  const proof = new Proof(file);
  return [...parseDiagnostics.map(({ messageText }) => JSON.stringify(messageText)), ...proof.run()];
}

/** Types of the runtime that generated code may name, besides its values. */
const types = new Set(
  "Codec Events Input Skeleton SkeletonOptionsWithObject StructOpsFunction Union Unions View WithContext"
    .split(" ")
    .concat(Object.keys(codegen).filter((name) => /^[A-Z]/.test(name))),
);
const values = new Set(Object.keys(codegen));
const numbers = "u8 s8 u16 s16 u32 s32 u64 s64 u128 s128 f32 f64 bool text ubits sbits ubits64 sbits64".split(
  " ",
);
const methods = new Set(
  numbers.flatMap((name) => [name, `set${name.charAt(0).toUpperCase()}${name.slice(1)}`]),
);
const typedArrays = new Set(
  "Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array BigUint64Array BigInt64Array Float32Array Float64Array".split(
    " ",
  ),
);
/** What the parameters of `decode` and `encode` are called; no other name is local. */
const parameters = new Set(["m", "at", "value", "size"]);
const identifier = /^[\p{ID_Start}_$][\p{ID_Continue}$]*$/u;

class Proof {
  readonly #file: ts.SourceFile;
  readonly #found: string[] = [];
  readonly #types = new Set<string>();
  readonly #consts = new Set<string>();

  constructor(file: ts.SourceFile) {
    this.#file = file;
  }

  run(): string[] {
    const [first, ...rest] = this.#file.statements;
    if (!first || !this.#isFirst(first))
      this.#wrong("the first statement is not the import", first ?? this.#file);
    for (const statement of rest) this.#declare(statement);
    for (const statement of rest) this.#statement(statement);
    this.#comments();
    return this.#found;
  }

  #wrong(what: string, node: ts.Node): void {
    if (this.#found.length < 20)
      this.#found.push(
        `${what}: ${ts.SyntaxKind[node.kind]} ${JSON.stringify(node.getText(this.#file).slice(0, 120))}`,
      );
  }

  #isFirst(node: ts.Statement): boolean {
    // A file of nothing but enums imports nothing.
    return /^(import \* as bpf from "bpf-tsgen-runtime\/codegen"|export \{\});$/.test(
      node.getText(this.#file),
    );
  }

  #declare(node: ts.Statement): void {
    const add = (to: Set<string>, name: ts.Node): void => {
      if (!ts.isIdentifier(name) || !identifier.test(name.text))
        return void this.#wrong("no name for a declaration", name);
      if (to.has(name.text)) this.#wrong("declared twice", name);
      if (name.text === "bpf" || parameters.has(name.text)) this.#wrong("a name of the templates", name);
      to.add(name.text);
    };
    if (ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) add(this.#types, node.name);
    if (ts.isVariableStatement(node))
      for (const { name } of node.declarationList.declarations) add(this.#consts, name);
  }

  #statement(node: ts.Statement): void {
    const modifiers = (ts.canHaveModifiers(node) ? (ts.getModifiers(node) ?? []) : []).map(
      ({ kind }) => kind,
    );
    const isExported = modifiers.length === 1 && modifiers[0] === ts.SyntaxKind.ExportKeyword;
    if (!isExported && modifiers.length > 0) this.#wrong("modifiers", node);
    if (ts.isInterfaceDeclaration(node)) {
      if (!isExported || node.typeParameters) this.#wrong("an interface", node);
      for (const { types: bases } of node.heritageClauses ?? [])
        for (const base of bases) {
          if (base.expression.getText(this.#file) !== "bpf.Unions") this.#wrong("a base", base);
          for (const argument of base.typeArguments ?? []) this.#type(argument);
        }
      for (const member of node.members) this.#member(member);
    } else if (ts.isTypeAliasDeclaration(node)) {
      if (!isExported || node.typeParameters) this.#wrong("a type alias", node);
      this.#type(node.type);
    } else if (ts.isVariableStatement(node)) {
      const [declaration, second] = node.declarationList.declarations;
      if (!(node.declarationList.flags & ts.NodeFlags.Const) || !declaration?.initializer || second)
        return void this.#wrong("a declaration of a variable", node);
      const { initializer, type } = declaration;
      if (type) this.#type(type);
      if (ts.isAsExpression(initializer) && ts.isObjectLiteralExpression(initializer.expression)) {
        if (!isExported || initializer.type.getText(this.#file) !== "const")
          this.#wrong("an assertion", initializer);
        this.#expression(initializer.expression);
      } else if (ts.isCallExpression(initializer)) this.#expression(initializer);
      else this.#wrong("an initializer", initializer);
    } else this.#wrong("a statement", node);
  }

  #member(node: ts.TypeElement): void {
    if (node.name) this.#propertyName(node.name);
    if (ts.isPropertySignature(node) && node.type && !node.questionToken && !node.modifiers)
      this.#type(node.type);
    else if (ts.isGetAccessorDeclaration(node) && node.type && !node.body) this.#type(node.type);
    else if (ts.isSetAccessorDeclaration(node) && !node.body && node.parameters.length === 1) {
      const [parameter] = node.parameters;
      if (parameter?.name.getText(this.#file) !== "value" || !parameter.type || parameter.initializer)
        this.#wrong("a parameter", node);
      else this.#type(parameter.type);
    } else this.#wrong("a member", node);
  }

  #propertyName(node: ts.PropertyName): void {
    if (ts.isIdentifier(node)) {
      if (!identifier.test(node.text)) this.#wrong("a name", node);
    } else if (ts.isComputedPropertyName(node)) {
      if (node.getText(this.#file) !== '["__proto__"]') this.#wrong("a computed name", node);
    } else if (!ts.isStringLiteral(node)) this.#wrong("a name", node);
  }

  #type(node: ts.TypeNode): void {
    switch (node.kind) {
      case ts.SyntaxKind.NumberKeyword:
      case ts.SyntaxKind.BigIntKeyword:
      case ts.SyntaxKind.StringKeyword:
      case ts.SyntaxKind.BooleanKeyword:
        return;
    }
    if (ts.isTypeReferenceNode(node)) {
      const { typeName } = node;
      for (const argument of node.typeArguments ?? []) this.#type(argument);
      if (ts.isIdentifier(typeName)) {
        if (!this.#types.has(typeName.text) && !typedArrays.has(typeName.text))
          this.#wrong("an unknown type", node);
      } else if (typeName.left.getText(this.#file) !== "bpf" || !types.has(typeName.right.text))
        this.#wrong("a type of something else", node);
    } else if (ts.isTypeLiteralNode(node)) for (const member of node.members) this.#member(member);
    else if (ts.isArrayTypeNode(node)) this.#type(node.elementType);
    else if (ts.isTupleTypeNode(node)) for (const element of node.elements) this.#type(element);
    else if (ts.isParenthesizedTypeNode(node)) this.#type(node.type);
    else if (ts.isUnionTypeNode(node) || ts.isIntersectionTypeNode(node))
      for (const part of node.types) this.#type(part);
    else if (ts.isIndexedAccessTypeNode(node)) {
      this.#type(node.objectType);
      this.#type(node.indexType);
    } else if (ts.isTypeOperatorNode(node) && node.operator === ts.SyntaxKind.KeyOfKeyword)
      this.#type(node.type);
    else if (ts.isTypeQueryNode(node) && ts.isIdentifier(node.exprName)) {
      if (!this.#consts.has(node.exprName.text)) this.#wrong("typeof something else", node);
    } else if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) {
      if (node.literal.text !== "arguments") this.#wrong("a literal type", node);
    } else this.#wrong("a type", node);
  }

  #expression(node: ts.Expression): void {
    if (ts.isStringLiteral(node) || ts.isNumericLiteral(node) || ts.isBigIntLiteral(node)) return;
    if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword) return;
    if (ts.isIdentifier(node)) {
      if (!this.#consts.has(node.text) && !parameters.has(node.text) && node.text !== "undefined")
        this.#wrong("an unknown name", node);
    } else if (ts.isPrefixUnaryExpression(node)) {
      const { operator, operand } = node;
      const isNumber = ts.isNumericLiteral(operand) || ts.isBigIntLiteral(operand);
      if (operator !== ts.SyntaxKind.MinusToken || !isNumber) this.#wrong("an operator", node);
    } else if (ts.isParenthesizedExpression(node)) this.#expression(node.expression);
    else if (ts.isExpressionWithTypeArguments(node)) {
      for (const argument of node.typeArguments ?? []) this.#type(argument);
      this.#expression(node.expression);
    } else if (ts.isArrayLiteralExpression(node))
      for (const element of node.elements) this.#expression(element);
    else if (ts.isObjectLiteralExpression(node))
      for (const property of node.properties) this.#property(property);
    else if (ts.isArrowFunction(node)) {
      this.#parameters(node);
      if (ts.isParenthesizedExpression(node.body) && ts.isObjectLiteralExpression(node.body.expression))
        this.#expression(node.body);
      else this.#wrong("a function", node);
    } else if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) this.#access(node);
    else if (ts.isBinaryExpression(node)) this.#operation(node);
    else if (ts.isConditionalExpression(node)) {
      if (!/^size === undefined \? undefined : size - \d+$/.test(node.getText(this.#file)))
        this.#wrong("a condition", node);
    } else if (ts.isCallExpression(node)) this.#call(node);
    else if (ts.isNewExpression(node)) {
      const [file, base, more] = node.arguments ?? [];
      const isUrl =
        node.expression.getText(this.#file) === "URL" && file && ts.isStringLiteral(file) && !more;
      if (!isUrl || base?.getText(this.#file) !== "import.meta.url") this.#wrong("new", node);
    } else this.#wrong("an expression", node);
  }

  #parameters({
    parameters: all,
    typeParameters,
    type,
    modifiers,
  }: ts.ArrowFunction | ts.MethodDeclaration): void {
    const isPlain = !typeParameters && !type && !modifiers;
    for (const parameter of all)
      if (!isPlain || !parameters.has(parameter.getText(this.#file))) this.#wrong("a parameter", parameter);
  }

  #property(node: ts.ObjectLiteralElementLike): void {
    if (node.name) this.#propertyName(node.name);
    if (ts.isPropertyAssignment(node)) this.#expression(node.initializer);
    else if (
      ts.isMethodDeclaration(node) &&
      node.body &&
      !node.asteriskToken &&
      node.name.getText(this.#file) === "encode"
    ) {
      this.#parameters(node);
      for (const statement of node.body.statements)
        if (ts.isExpressionStatement(statement) && ts.isCallExpression(statement.expression))
          this.#expression(statement.expression);
        else this.#wrong("a statement", statement);
    } else this.#wrong("a property", node);
  }

  /** `bpf.NAME`, `value.name`, `value["na me"]`. */
  #access(node: ts.PropertyAccessExpression | ts.ElementAccessExpression): void {
    const { expression } = node;
    if (!ts.isIdentifier(expression) || node.questionDotToken) return void this.#wrong("an access", node);
    if (ts.isPropertyAccessExpression(node)) {
      if (!ts.isIdentifier(node.name)) return void this.#wrong("an access", node);
      if (expression.text === "value" || (expression.text === "bpf" && values.has(node.name.text))) return;
    } else if (expression.text === "value" && ts.isStringLiteral(node.argumentExpression)) return;
    this.#wrong("an access", node);
  }

  /** `at + 8`, `m.ubits(...) !== 0`, `size - 8` being part of the one condition there is. */
  #operation({ left, operatorToken, right }: ts.BinaryExpression): void {
    const isPlace = operatorToken.kind === ts.SyntaxKind.PlusToken && left.getText(this.#file) === "at";
    if (isPlace && ts.isNumericLiteral(right) && /^\d+$/.test(right.text)) return;
    const isNotZero =
      operatorToken.kind === ts.SyntaxKind.ExclamationEqualsEqualsToken && right.getText(this.#file) === "0";
    if (isNotZero && ts.isCallExpression(left)) this.#call(left);
    else this.#wrong("an operation", left.parent);
  }

  /** `bpf.NAME(...)`, `m.u32(...)`, `X.decode(...)`, `X.encode(...)`, `bpf.bitBool(1).encode(...)`. */
  #call(node: ts.CallExpression): void {
    for (const argument of node.typeArguments ?? []) this.#type(argument);
    for (const argument of node.arguments) this.#expression(argument);
    const callee = node.expression;
    if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.name) || node.questionDotToken)
      return void this.#wrong("a call", node);
    const { expression: of, name } = callee;
    if (ts.isIdentifier(of)) {
      if (of.text === "bpf" && values.has(name.text)) return;
      if (of.text === "m" && methods.has(name.text)) return;
      if (this.#consts.has(of.text) && (name.text === "decode" || name.text === "encode")) return;
    } else if (ts.isCallExpression(of) && name.text === "encode") {
      const isBit = of.expression.getText(this.#file) === "bpf.bitBool";
      if (isBit) this.#call(of);
      if (isBit) return;
    }
    this.#wrong("a call", node);
  }

  /** Comments say what they are for on one line, so none is a directive of a tool, but for the header. */
  #comments(): void {
    const header =
      /^(\/\/ Code generated by bpf-tsgen [\d.]+ from [\w.-]+\. DO NOT EDIT\.|\/\/ Options: \[.*\]|\/\* eslint-disable \*\/)$/;
    const scanner = ts.createScanner(
      ts.ScriptTarget.ES2022,
      false,
      ts.LanguageVariant.Standard,
      this.#file.text,
    );
    for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
      const isLine = token === ts.SyntaxKind.SingleLineCommentTrivia;
      if (!isLine && token !== ts.SyntaxKind.MultiLineCommentTrivia) continue;
      const text = scanner.getTokenText();
      const isHeader =
        header.test(text) && scanner.getTokenStart() < this.#file.statements[0]!.getStart(this.#file);
      // No control or format character: nothing that changes lines, terminals or the order of reading.
      const isDoc =
        !isLine &&
        /^\/\*\* (`|The programs, maps and globals of `)[^\p{Cc}\p{Cf}\u2028\u2029]*\. \*\/$|^\/\*\* `SEC\("[^\p{Cc}\p{Cf}\u2028\u2029]*"\)` \*\/$/u.test(
          text,
        );
      if (!isHeader && !isDoc) this.#found.push(`a comment: ${JSON.stringify(text.slice(0, 120))}`);
    }
  }
}
