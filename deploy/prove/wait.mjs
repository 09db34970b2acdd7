// Waiting for a condition, always with a deadline and always saying what was waited for.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks `condition` until it answers something true, and returns that. Throws after `seconds`, with the last
 * error of the condition as the cause.
 */
export async function until(what, seconds, condition) {
  const deadline = Date.now() + seconds * 1000;
  let cause;
  while (Date.now() < deadline) {
    try {
      const answer = await condition();
      if (answer) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await pause(100);
  }
  throw new Error(`not within ${seconds} s: ${what}`, { cause });
}

/** Throws `message` unless `condition` holds. */
export function check(condition, message) {
  if (!condition) throw new Error(message);
}
