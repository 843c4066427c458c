/** Reads that GitHub answered in part: which of the errors beside the data can be lived with. */
import { type GitHubClient, type GraphAnswer, type GraphError, RequestRefused } from './client.js';
import { isTooMuch } from './too-much.js';

type Path = readonly (string | number)[];

function isUnder(error: GraphError, place: Path): boolean {
  return place.every((part, index) => error.path[index] === part);
}

/**
 * Throws a RequestRefused unless what is missing is either gone (NOT_FOUND) or only a member of a record. `list` is
 * where the records are, each under its index or alias. A record that is merely not shown must not be taken for deleted,
 * and a member that there was no time for is to be asked for again.
 */
export function checkErrors(client: GitHubClient, answer: GraphAnswer, list: Path): void {
  const grave = answer.errors.filter(
    (error) =>
      isTooMuch(error) ||
      (error.type !== 'NOT_FOUND' && !(isUnder(error, list) && error.path.length > list.length + 1)),
  );
  if (grave.length > 0) throw new RequestRefused(200, client.words(grave), grave);
}

/** The members of the object at `place` that GitHub answered an error for instead of a value. */
export function missingMembers(errors: readonly GraphError[], place: Path): ReadonlySet<string> {
  const missing = new Set<string>();
  for (const error of errors) {
    const member = error.path[place.length];
    if (isUnder(error, place) && typeof member === 'string') missing.add(member);
  }
  return missing;
}
