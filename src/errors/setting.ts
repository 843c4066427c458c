/** Something in the configuration that turns out to be wrong only once an API has been asked. */
export class SettingError extends Error {
  /** The key in the configuration. */
  readonly path: readonly string[];
  readonly reason: string;

  constructor(path: readonly string[], reason: string) {
    super(`${path.join('.')}: ${reason}`);
    this.name = 'SettingError';
    this.path = path;
    this.reason = reason;
  }
}
