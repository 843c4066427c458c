/**
 * Who may import whom: the design's table of rooms. `.ci/architecture.mjs` runs it and proves that it sees everything.
 * A room is a folder of src; another room is entered through its index.ts only.
 */

/** Room → the other rooms that it may import. */
const rooms = {
  errors: [],
  telemetry: [],
  wire: [],
  sql: ['errors'],
  config: ['errors'],
  provider: ['errors', 'telemetry'],
  catalog: ['errors', 'sql', 'provider'],
  store: ['errors'],
  upstream: ['errors', 'wire'],
  write: ['errors', 'catalog', 'provider', 'store', 'upstream'],
  sync: ['errors', 'catalog', 'provider', 'store', 'upstream'],
  records: ['errors', 'catalog', 'provider', 'store'],
  webhooks: ['errors', 'catalog', 'provider', 'store'],
  proxy: ['errors', 'wire', 'sql', 'catalog', 'upstream'],
};

/** Rooms that may enter every room. */
const frontRooms = ['cli', 'admin'];
const everyRoom = [...Object.keys(rooms), ...frontRooms];

const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `room-${room}`,
  severity: 'error',
  comment: `src/${room} may import ${allowed.length === 0 ? 'no other room' : allowed.join(', ')}`,
  from: { path: `^src/${room}/` },
  to: { path: '^src/', pathNot: `^src/(?:${[room, ...allowed].join('|')})/` },
}));

/** main.ts and its folder: what ties the rooms together, and what no room imports. */
const compositionRoot = 'src/main(?:\\.ts$|/)';

/** The packages by which the APIs are reached: only a provider's own folder knows them. */
const vendorPackages = '^(?:jsforce|@hubspot/.+|stripe|@octokit/.+|octokit|airtable)$';

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'known-rooms',
      severity: 'error',
      comment: 'a file of src is of the composition root or of a room; a new room is given its place in the table first',
      from: { path: '^src/', pathNot: `^(?:${compositionRoot}|src/(?:${everyRoom.join('|')})/)` },
      to: {},
    },
    {
      name: 'known-rooms-only',
      severity: 'error',
      comment: 'what is imported from src lies in one of the rooms; the composition root is imported by itself only',
      from: { path: '^(?:src|providers)/', pathNot: `^${compositionRoot}` },
      to: { path: '^src/', pathNot: `^src/(?:${everyRoom.join('|')})/` },
    },
    {
      name: 'front-door',
      severity: 'error',
      comment: 'another room is entered through its index.ts',
      from: { path: '^src/([^/]+)/', pathNot: `^${compositionRoot}` },
      to: { path: '^src/[^/]+/', pathNot: '^src/(?:$1/|[^/]+/index\\.ts$)' },
    },
    {
      name: 'front-door-for-main-and-providers',
      severity: 'error',
      comment: 'the composition root and the providers enter a room through its index.ts too',
      from: { path: `^(?:${compositionRoot}|providers/)` },
      to: { path: '^src/[^/]+/', pathNot: '^src/(?:main/|[^/]+/index\\.ts$)' },
    },
    {
      name: 'providers-know-the-contract-only',
      severity: 'error',
      comment: 'a provider imports src/provider and src/errors, and nothing else of src',
      from: { path: '^providers/' },
      to: { path: '^src/', pathNot: '^src/(?:provider|errors)/' },
    },
    {
      name: 'providers-apart',
      severity: 'error',
      comment: 'providers never import each other',
      from: { path: '^providers/([^/]+)/' },
      to: { path: '^providers/', pathNot: '^providers/$1/' },
    },
    {
      name: 'no-provider-by-name',
      severity: 'error',
      comment: 'src names no provider: the composition root finds them by looking into the folder',
      from: { path: '^src/' },
      to: { path: '^providers/' },
    },
    {
      name: 'no-vendor-package',
      severity: 'error',
      comment: 'src knows no API client',
      from: { path: '^src/' },
      to: { path: '(?:^|/)node_modules/(?:jsforce|@hubspot|stripe|@octokit|octokit|airtable)/' },
    },
    {
      name: 'no-vendor-package-unresolved',
      severity: 'error',
      comment: 'nor one that is not installed',
      from: { path: '^src/' },
      to: { path: vendorPackages },
    },
    {
      name: 'no-tests-in-production',
      severity: 'error',
      comment: 'nothing that is shipped imports test/ or a test',
      from: { path: '^(?:src|providers)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^test/|\\.test\\.ts$' },
    },
    {
      name: 'no-fixtures-in-production',
      severity: 'error',
      comment: 'the sandboxes of fixtures/ are started by the demo: cli/ and the composition root only',
      from: { path: '^(?:src|providers)/', pathNot: `^(?:${compositionRoot}|src/cli/)|\\.test\\.ts$` },
      to: { path: '^fixtures/' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'a cycle has no order in which it can be understood',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'an import that leads nowhere would escape every other rule',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-package',
      severity: 'error',
      comment: 'what is shipped uses only what is installed with it',
      from: { path: '^(?:src|providers)/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // Imports of types count as much as any: they are what ties rooms together.
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
