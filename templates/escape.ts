/** The three doors through which a name from the object gets into the text: {@link doc}, {@link key}, {@link str}. */

/** A doc comment's text: nothing in it can close the comment. */
export function doc(text: string): string {
  return comment(text.replace(/\*\//g, "*\\/"));
}

/** A line comment's text: nothing in it can break the line, or change the order in which it is shown. */
export function comment(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

/** A name as a member: bare where it is an identifier, `["__proto__"]` where it must be computed, else quoted. */
export function key(name: string): string {
  if (name === "__proto__") return '["__proto__"]';
  return isIdentifier(name) ? name : str(name);
}

/** Access to a member: `.pid`, `["a-b"]`. */
export function access(name: string): string {
  return isIdentifier(name) ? `.${name}` : `[${str(name)}]`;
}

/** A name as a string literal. */
export function str(text: string): string {
  return JSON.stringify(text).replace(
    /[\u2028\u2029\p{Cf}]/gu,
    (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`,
  );
}

function isIdentifier(name: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(name);
}
