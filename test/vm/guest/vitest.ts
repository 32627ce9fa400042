// What the tests of the kernel import as "vitest" in a guest: vitest's own runner and assertions, without its
// bundler and its processes, which take minutes there. Of `expect` it has what those tests use.
import {
  ASYMMETRIC_MATCHERS_OBJECT,
  chai,
  customMatchers,
  GLOBAL_EXPECT,
  getState,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import type * as Vitest from "vitest";
import { slower } from "../../machine.js";

export { afterAll, afterEach, beforeAll, beforeEach, describe, it, suite, test } from "@vitest/runner";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Callable = (...args: readonly unknown[]) => unknown;
type Globals = Record<symbol, unknown>;
type Options = { interval?: number; timeout?: number };

/** `expect` as vitest makes it. */
export const expect: Vitest.ExpectStatic = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  (globalThis as Globals)[ASYMMETRIC_MATCHERS_OBJECT],
) as never;
(globalThis as Globals)[GLOBAL_EXPECT] = expect;
setState({ ...getState(expect), assertionCalls: 0, isExpectingAssertions: false }, expect);
Object.assign(expect, {
  getState: () => getState(expect),
  extend: (matchers: object) =>
    (chai.expect as unknown as Record<"extend", Callable>).extend(expect, matchers),
  poll: (ask: () => unknown, { interval = 50, timeout = 1000 }: Options = {}) =>
    polling(ask, interval, timeout * slower, []),
});
expect.extend(customMatchers);

/** An assertion that is tried until it holds: what is called on it is called on the value of each moment. */
function polling(ask: () => unknown, interval: number, timeout: number, path: string[]): unknown {
  return new Proxy(() => {}, {
    get: (_, name: string) => polling(ask, interval, timeout, [...path, name]),
    async apply(_, __, args: unknown[]) {
      for (const until = Date.now() + timeout; ; ) {
        try {
          let on = expect(await ask()) as never as Record<string, never>;
          for (const name of path.slice(0, -1)) on = on[name] as never;
          (on[path.at(-1)!] as unknown as Callable).apply(on, args);
          return;
        } catch (error) {
          if (Date.now() > until) throw error;
          await new Promise((resolve) => setTimeout(resolve, interval));
        }
      }
    },
  });
}
