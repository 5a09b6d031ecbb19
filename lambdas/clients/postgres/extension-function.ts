import type { Query } from './session.ts';

/**
 * The function of an extension that takes a regclass, as SQL quotes it, in whatever schema it was put. Undefined where the
 * extension is not installed, or where the role may not run it.
 */
export async function extensionFunction(query: Query, extension: string, name: string): Promise<string | undefined> {
  const [found] = await query<{ function: string }>(
    `SELECT format('%I.%I', n.nspname, p.proname) AS function
     FROM pg_extension AS e
     JOIN pg_depend AS d ON (d.refclassid, d.refobjid, d.classid) = ('pg_extension'::regclass, e.oid, 'pg_proc'::regclass)
     JOIN pg_proc AS p ON p.oid = d.objid AND p.proname = $2 AND p.proargtypes[0] = 'regclass'::regtype
     JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE e.extname = $1 AND has_function_privilege(p.oid, 'EXECUTE')`,
    [extension, name],
  );
  return found?.function;
}
