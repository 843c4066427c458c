/**
 * GitHub counts REST requests and GraphQL points in separate hourly windows. The budget knows one quota: it is told the
 * one that is nearest to its end.
 */
import type { HttpAnswer, Kit } from '../../src/provider/index.js';

interface Window {
  readonly limit: number;
  readonly used: number;
  /** Epoch milliseconds. */
  readonly reset: number;
}

function number(value: string | undefined): number | undefined {
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

export class Quotas {
  private readonly kit: Kit;
  private readonly windows = new Map<string, Window>();

  constructor(kit: Kit) {
    this.kit = kit;
  }

  /** Reads the `x-ratelimit-…` headers of an answer. */
  report(answer: HttpAnswer): void {
    const { headers } = answer;
    const limit = number(headers['x-ratelimit-limit']);
    const used = number(headers['x-ratelimit-used']);
    const reset = number(headers['x-ratelimit-reset']);
    const resource = headers['x-ratelimit-resource'];
    if (limit === undefined || limit === 0 || used === undefined || reset === undefined || resource === undefined)
      return;
    // There are a dozen resources; more would be nonsense.
    if (this.windows.size >= 32 && !this.windows.has(resource)) return;
    this.windows.set(resource, { limit, used, reset: reset * 1000 });
    this.tell();
  }

  /** Called before each request: a window whose hour is over counts from zero. */
  refresh(): void {
    const now = this.kit.now();
    let changed = false;
    for (const [resource, window] of this.windows) {
      if (window.reset > now || window.used === 0) continue;
      this.windows.set(resource, { ...window, used: 0 });
      changed = true;
    }
    if (changed) this.tell();
  }

  private tell(): void {
    let tightest: Window | undefined;
    for (const window of this.windows.values()) {
      if (tightest === undefined || window.used / window.limit > tightest.used / tightest.limit) tightest = window;
    }
    if (tightest !== undefined) this.kit.budget.report({ limit: tightest.limit, used: tightest.used });
  }
}
