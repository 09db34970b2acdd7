// Waiting with a deadline: every wait of these tests is for something, and says for what when it was in vain.

/** How long a condition may take to come true, in milliseconds, where a test does not say otherwise. */
export const PATIENCE = 20_000;

/** Settles as `promise` does, or rejects after `patience` milliseconds with `what()` in the message. */
export async function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${patience} ms: ${what()}`)), patience);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Asks `check` again and again until it returns something true, and returns that.
 *
 * What `check` throws counts as "not yet"; the last of it is in the error's message when time is up.
 */
export async function eventually(check, what, { patience = PATIENCE, every = 25 } = {}) {
  const deadline = Date.now() + patience;
  let last;
  for (;;) {
    try {
      last = undefined;
      const result = await check();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    if (Date.now() >= deadline) {
      throw new Error(`not within ${patience} ms: ${what}${last ? ` (${last.message})` : ""}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, every));
  }
}
