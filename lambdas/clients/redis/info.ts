/** What a node says of itself, as far as it is decided from. Bytes and seconds; times in milliseconds by its own clock. */
export interface NodeFacts {
  /** `127.0.0.1:6379`. */
  at: string;
  /** `Valkey 9.1.2`. */
  server: string;
  role: 'primary' | 'replica';
  clustered: boolean;
  uptimeSeconds: number;
  /** Its own clock, ISO 8601. */
  now: string;
  /** Keys of the database that is maintained. */
  keys: number;
  /** `allkeys-lru`, `noeviction`. */
  policy: string;
  memory: {
    usedBytes: number;
    rssBytes: number;
    /** 0: no limit. */
    maxBytes: number;
    /** Memory of the machine. */
    systemBytes: number;
    /** What the process holds for each byte it uses. */
    fragmentation: number;
  };
  stats: { evictedKeys: number; expiredKeys: number; hits: number; misses: number };
  /** Deleted values whose memory is still being freed in the background. */
  lazyfreePending: number;
  /** It was a replica until a failover at a time that it does not tell. */
  promoted: boolean;
  replicas: { at: string; online: boolean }[];
  /** Of a replica: it has all that its primary has, and follows it. */
  inSync: boolean;
  saving: {
    saveInProgress: boolean;
    lastSaveOk: boolean;
    lastSave: string;
    appendOnly: boolean;
    rewriteInProgress: boolean;
    rewriteScheduled: boolean;
    lastRewriteOk: boolean;
    appendOnlyBytes: number;
    /** Its size after it was last rewritten. */
    appendOnlyBaseBytes: number;
    /** What was copied because it was written to during the last save and the last rewrite; 0 when there was none. */
    copiedBytes: number;
  };
}

/** Reads the answer of INFO. The clock is that of the answer where the server tells it (all that are supported do). */
export function factsOf(text: string, at: string, database: number): NodeFacts {
  const fields = new Map(text.split('\r\n').flatMap((line) => (line.startsWith('#') ? [] : [split(line, ':')])));
  const word = (name: string) => fields.get(name) ?? '';
  const number = (name: string) => Number(fields.get(name) ?? 0);
  const role = word('role') === 'master' ? 'primary' : 'replica';
  return {
    at,
    server: word('valkey_version') ? `Valkey ${word('valkey_version')}` : `Redis ${word('redis_version')}`,
    role,
    clustered: word('cluster_enabled') === '1',
    uptimeSeconds: number('uptime_in_seconds'),
    now: new Date(number('server_time_usec') / 1_000).toISOString(),
    keys: Number(/^keys=(\d+)/.exec(word(`db${database}`))?.[1] ?? 0),
    policy: word('maxmemory_policy'),
    memory: {
      usedBytes: number('used_memory'),
      rssBytes: number('used_memory_rss'),
      maxBytes: number('maxmemory'),
      systemBytes: number('total_system_memory'),
      fragmentation: number('mem_fragmentation_ratio'),
    },
    stats: {
      evictedKeys: number('evicted_keys'),
      expiredKeys: number('expired_keys'),
      hits: number('keyspace_hits'),
      misses: number('keyspace_misses'),
    },
    lazyfreePending: number('lazyfree_pending_objects'),
    promoted: role === 'primary' && number('second_repl_offset') >= 0,
    replicas: [...fields].flatMap(([name, value]) => (/^slave\d+$/.test(name) ? [replicaOf(value)] : [])),
    inSync: word('master_link_status') === 'up' && word('master_sync_in_progress') === '0',
    saving: {
      saveInProgress: word('rdb_bgsave_in_progress') === '1',
      lastSaveOk: word('rdb_last_bgsave_status') === 'ok',
      lastSave: new Date(number('rdb_last_save_time') * 1_000).toISOString(),
      appendOnly: word('aof_enabled') === '1',
      rewriteInProgress: word('aof_rewrite_in_progress') === '1',
      rewriteScheduled: word('aof_rewrite_scheduled') === '1',
      lastRewriteOk: word('aof_last_bgrewrite_status') === 'ok',
      appendOnlyBytes: number('aof_current_size'),
      appendOnlyBaseBytes: number('aof_base_size'),
      copiedBytes: Math.max(number('rdb_last_cow_size'), number('aof_last_cow_size')),
    },
  };
}

/** `ip=10.0.0.2,port=6379,state=online,offset=14,lag=0` */
function replicaOf(value: string): NodeFacts['replicas'][number] {
  const fields = new Map(value.split(',').map((field) => split(field, '=')));
  return { at: `${fields.get('ip')}:${fields.get('port')}`, online: fields.get('state') === 'online' };
}

const split = (text: string, by: string): [string, string] => {
  const at = text.indexOf(by);
  return [text.slice(0, at), text.slice(at + 1)];
};
