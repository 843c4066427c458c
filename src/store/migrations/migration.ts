/** One step of the schema `upwrite`. */
export interface Migration {
  /** 1, 2, 3, … without gaps. */
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** Tables and views of `upwrite` that it makes and that every role may read. */
  readonly readable?: readonly string[];
}
