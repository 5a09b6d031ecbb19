import { createHash } from 'node:crypto';
import { paginateListAlarmMuteRules } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient, paginateListTables } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb';
import { ListBucketsCommand, ListObjectVersionsCommand } from '@aws-sdk/client-s3';
import { paginateGetParametersByPath, SSMClient } from '@aws-sdk/client-ssm';
import pg from 'pg';
import { clientSettings } from '../../local/aws/emulator.ts';
import { database } from '../../local/environment.ts';
import type { Production } from './production.ts';

/** Everything that a run could change, by name, each as the hash of its content. */
export type World = Map<string, string>;

/**
 * The content of the world outside the automation and of its own record: each table's rows, statistics and schema, and each thing in
 * every bucket, table, parameter and mute rule of the account. Rows count in any order, as VACUUM may move them.
 */
export async function worldOf(production: Production): Promise<World> {
  const parts = [tables, schema, objects, items, parameters, muteRules].map((part) => part(production));
  return new Map((await Promise.all(parts)).flat());
}

/** The names of what is new, gone or different, in order. */
export function changesIn(before: World, after: World): string[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].filter((name) => before.get(name) !== after.get(name)).sort();
}

type Part = (production: Production) => Promise<[name: string, hash: string][]>;

const hash = (content: unknown) =>
  createHash('sha256')
    .update(typeof content === 'string' ? content : (JSON.stringify(content) ?? ''))
    .digest('hex');

const outside = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`;

/** Rows, and what VACUUM and ANALYZE leave behind. Dead rows do not count: reading a table removes some. Autovacuum is off on this machine. */
const tables: Part = async ({ cluster }) => {
  const client = new pg.Client({ connectionString: cluster.primary.url(database) });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and ${outside}`,
    );
    const hashes: [string, string][] = [];
    for (const { name } of rows) {
      const content = await client.query<{ hash: string }>(
        `select md5(coalesce(string_agg(md5(t::text), '' order by md5(t::text)), '')) as hash from ${name} t`,
      );
      hashes.push([`rows of ${name}`, content.rows[0]!.hash]);
      const care = await client.query(
        `select vacuum_count, analyze_count, relfrozenxid, reltuples, relpages, relallvisible
         from pg_stat_all_tables s join pg_class c on c.oid = s.relid where s.relid = $1::regclass`,
        [name],
      );
      hashes.push([`care of ${name}`, hash(care.rows)]);
    }
    return hashes;
  } finally {
    await client.end();
  }
};

/** What a schema dump tells, from the catalog: relations, columns, indexes, constraints, triggers, functions, rights and settings. */
const schema: Part = async ({ cluster }) => {
  const client = new pg.Client({ connectionString: cluster.primary.url(database) });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; definition: string }>(
      `select format('relation %I.%I', n.nspname, c.relname) as name,
              concat_ws(' ', c.relkind, c.relowner::regrole, c.relfilenode, c.relacl, c.reloptions, pg_get_expr(c.relpartbound, c.oid),
                case when c.relkind = 'v' then pg_get_viewdef(c.oid) when c.relkind in ('i', 'I') then pg_get_indexdef(c.oid) end,
                (select string_agg(concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                   pg_get_expr(d.adbin, d.adrelid)), ', ' order by a.attnum)
                 from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
                 where a.attrelid = c.oid and a.attnum > 0),
                (select string_agg(concat_ws(' ', i.indexrelid::regclass, i.indisvalid, i.indisready), ', ' order by i.indexrelid)
                 from pg_index i where i.indrelid = c.oid)) as definition
       from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${outside}
       union all select format('constraint %s of %s', conname, conrelid::regclass), pg_get_constraintdef(c.oid)
       from pg_constraint c join pg_namespace n on n.oid = c.connamespace where ${outside}
       union all select format('trigger %s of %s', tgname, tgrelid::regclass), pg_get_triggerdef(t.oid) || tgenabled::text from pg_trigger t
       union all select format('function %s', p.oid::regprocedure), pg_get_functiondef(p.oid)
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${outside} and p.prokind in ('f', 'p')
       union all select format('extension %s', extname), extversion from pg_extension
       union all select format('role %s', rolname), concat_ws(' ', rolsuper, rolcanlogin, rolconfig) from pg_roles
       union all select format('setting %s', name), setting from pg_settings where context not in ('internal', 'user') or source <> 'default'`,
    );
    return rows.map(({ name, definition }) => [`schema: ${name}`, hash(definition)]);
  } finally {
    await client.end();
  }
};

const objects: Part = async ({ s3 }) => {
  const { Buckets = [] } = await s3.send(new ListBucketsCommand({}));
  const found: [string, string][] = [];
  for (const { Name: Bucket } of Buckets) {
    let from: { KeyMarker?: string; VersionIdMarker?: string } = {};
    for (;;) {
      const page = await s3.send(new ListObjectVersionsCommand({ Bucket, ...from }));
      for (const { Key, VersionId, ETag } of page.Versions ?? [])
        found.push([`object s3://${Bucket}/${Key}@${VersionId}`, hash(ETag)]);
      for (const { Key, VersionId } of page.DeleteMarkers ?? [])
        found.push([`deletion s3://${Bucket}/${Key}@${VersionId}`, hash('')]);
      if (!page.IsTruncated) break;
      from = { KeyMarker: page.NextKeyMarker, VersionIdMarker: page.NextVersionIdMarker };
    }
  }
  return found;
};

const items: Part = async ({ emulator }) => {
  const tables = new DynamoDBClient(clientSettings(emulator));
  const client = DynamoDBDocumentClient.from(tables);
  const found: [string, string][] = [];
  for await (const { TableNames = [] } of paginateListTables({ client: tables }, {}))
    for (const TableName of TableNames)
      for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true }))
        for (const item of Items)
          found.push([`item ${TableName} ${item['pk'] as string} ${item['sk'] as string}`, hash(sorted(item))]);
  return found;
};

const sorted = (item: object) => Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1));

const parameters: Part = async ({ emulator }) => {
  const client = new SSMClient(clientSettings(emulator));
  const found: [string, string][] = [];
  for await (const { Parameters = [] } of paginateGetParametersByPath({ client }, { Path: '/', Recursive: true }))
    for (const { Name, Value, Version } of Parameters) found.push([`parameter ${Name}`, hash([Value, Version])]);
  return found;
};

const muteRules: Part = async ({ cloudwatch }) => {
  const found: [string, string][] = [];
  for await (const { AlarmMuteRuleSummaries = [] } of paginateListAlarmMuteRules({ client: cloudwatch }, {}))
    for (const rule of AlarmMuteRuleSummaries) found.push([`mute rule ${rule.AlarmMuteRuleArn}`, hash(rule)]);
  return found;
};
