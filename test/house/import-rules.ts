import type { IFlattenedRuleSet } from 'dependency-cruiser';

/**
 * Who may import whom. Two sets of rules, because a type costs nothing: `written` is for the imports as they stand in the source,
 * `loaded` for those that are left when the code runs.
 */
type Rules = NonNullable<IFlattenedRuleSet['forbidden']>;

/** What does input or output by itself. */
const sdks = 'node_modules/(@aws-sdk|@smithy|@kubernetes|pg|ioredis|acme-client)/';
const inputOutput = ['^(node:)?(fs|net|tls|http|http2|https|dgram|dns|child_process|cluster)(/promises)?$', sdks];
/** What is used of each SDK, by name. */
const used = '^lambdas/clients/sdk/';
const domains = '^lambdas/(?!framework/|clients/)[^/]+/';

export const written: Rules = [
  {
    name: 'lambdas-stand-alone',
    comment: 'A function knows nothing of how it is deployed, tested or run on one machine.',
    from: { path: '^lambdas/' },
    to: { path: ['^(lib|bin|local|test)/', 'node_modules/(aws-cdk-lib|constructs|cdk-nag)/'] },
  },
  {
    name: 'lib-knows-steps-by-the-registry',
    comment: 'The infrastructure reads what a step says of itself; it never runs its rules or its clients.',
    from: { path: '^lib/' },
    to: { path: '^lambdas/', pathNot: '^lambdas/(registry\\.ts|framework/)' },
  },
  {
    name: 'local-is-for-tests-and-npm-start',
    comment: 'What stands in for AWS on one machine never reaches what is deployed.',
    from: { path: '^(lambdas|lib|bin)/', pathNot: '^bin/(local|step)\\.ts$' },
    to: { path: '^local/' },
  },
  {
    name: 'test-is-for-tests',
    from: { pathNot: '^test/' },
    to: { path: '^test/' },
  },
  {
    name: 'clients-and-framework-know-no-domain',
    comment: 'The domains build on them, never the other way round.',
    from: { path: '^lambdas/(clients|framework)/' },
    to: { path: domains },
  },
  {
    name: 'steps-use-no-other-step',
    comment: 'Only the registry and tests see a step: what two steps share is a rule of its own.',
    from: { path: '^lambdas/', pathNot: '^lambdas/registry\\.ts$' },
    to: { path: '\\.step\\.ts$' },
  },
  {
    name: 'no-circles',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
];

export const loaded: Rules = [
  {
    name: 'rules-do-no-input-or-output',
    comment: 'Facts in, decision out: a rule reaches nothing that reads or writes, not through others either.',
    from: { path: domains, pathNot: '\\.step\\.ts$' },
    to: { path: inputOutput, reachable: true },
  },
  {
    name: 'steps-do-no-input-or-output-themselves',
    comment: 'A step reaches the world through its clients, which are declared, granted and closed.',
    from: { path: `${domains}.*\\.step\\.ts$` },
    to: { path: inputOutput },
  },
  {
    name: 'synth-loads-no-sdk',
    comment: 'Clients load their SDK inside open(): synth and cold starts load only what they use.',
    from: { path: '^lambdas/', pathNot: used },
    to: { path: [sdks, used], dynamic: false },
  },
  {
    name: 'bundles-hold-what-is-used-of-an-sdk',
    comment: 'A package that is loaded by import() is bundled whole; a file of clients/sdk names what is used of it.',
    from: { path: '^lambdas/' },
    to: { path: 'node_modules/@aws-sdk/', dynamic: true },
  },
];
