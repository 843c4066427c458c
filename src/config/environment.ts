/** `${NAME}` and `${NAME:-default}` in the strings of a configuration. */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expansion {
  readonly text: string;
  /** Variables that are not set and have no default. */
  readonly missing: readonly string[];
  /** A `${` that is no reference. */
  readonly malformed: boolean;
}

/**
 * Replaces the references of one string. As in a shell, `:-` gives the default for a variable that is unset or empty;
 * `$${` stands for a plain `${`. What a variable holds is not expanded again.
 */
export function expand(text: string, environment: Environment): Expansion {
  const missing: string[] = [];
  let malformed = false;
  const expanded = text.replace(
    /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g,
    (whole, name: string | undefined, fallback: string | undefined) => {
      if (whole === '$${') return '${';
      if (name === undefined) {
        malformed = true;
        return '';
      }
      const value = environment[name];
      if (value !== undefined && (value !== '' || fallback === undefined)) return value;
      if (fallback === undefined) missing.push(name);
      return fallback ?? '';
    },
  );
  return { text: expanded, missing, malformed };
}
