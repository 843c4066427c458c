/** What lets others see a write at work: the log, and the places where tests strike. */

export interface WriteLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** The places where a fault can strike, in order. */
export type Boundary = 'evaluated' | 'journalled' | 'confirmed' | 'applying' | 'committing' | 'committed';
