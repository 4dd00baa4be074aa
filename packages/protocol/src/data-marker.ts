import { z } from 'zod';
import { epochMsSchema } from './primitives.ts';

const countSchema = z.number().int().nonnegative();

/** A relation's files, with what tells whether somebody has made them shorter on purpose. */
export const relationMarkerSchema = z.object({
  /** `database.schema.relation` */
  name: z.string(),
  /** Another one means that the relation was written anew: TRUNCATE, CLUSTER, REINDEX. */
  filenode: countSchema,
  pages: countSchema,
  /** Of a few pages, evenly spread over it, those that have no content yet; null where nobody could look. */
  empty: countSchema.nullable(),
  /** What VACUUM and ANALYZE have noted (`relpages`, `reltuples`): a VACUUM that gives pages back changes it. */
  noted: z.string(),
});
export type RelationMarker = z.infer<typeof relationMarkerSchema>;

export const postgresMarkerSchema = z.object({
  engine: z.literal('postgres'),
  /** Of the cluster, from its `initdb` on. */
  systemIdentifier: z.string(),
  /** Of the write-ahead log, `16/B374D848`. In a marker: durable. */
  position: z.string().regex(/^[\dA-F]+\/[\dA-F]+$/),
  /** The biggest ones; those that a crash resets (unlogged, temporary) are left out. */
  relations: z.array(relationMarkerSchema),
});
export type PostgresMarker = z.infer<typeof postgresMarkerSchema>;

/** MariaDB and MySQL; each value null where this server has none, or does not say. */
export const mariaDbMarkerSchema = z.object({
  engine: z.enum(['mariadb', 'mysql']),
  /** MySQL's `server_uuid`, which lies with its data. MariaDB has none. */
  serverUuid: z.string().nullable(),
  /** Of InnoDB's log, as decimal digits. In a marker: durable. */
  position: z.string().regex(/^\d+$/).nullable(),
  binaryLog: z.object({ file: z.string(), position: countSchema }).nullable(),
  /** MariaDB's `gtid_binlog_pos`: `0-1-42`, one entry per domain. */
  gtid: z.string().nullable(),
});
export type MariaDbMarker = z.infer<typeof mariaDbMarkerSchema>;

/** Its replication id and offset are left out: a start gives it new ones (docs/adr/0009). */
export const redisMarkerSchema = z.object({
  engine: z.literal('redis'),
  persistence: z.enum(['append-only', 'dump', 'none']),
  /** Of the append-only file; null where there is none, or it was being written anew. */
  appendOnlyBytes: countSchema.nullable(),
  /** By database; those that have no keys are left out. */
  keys: z.record(z.string().regex(/^\d+$/), z.object({ all: countSchema, expiring: countSchema })),
});
export type RedisMarker = z.infer<typeof redisMarkerSchema>;

export const sqliteMarkerSchema = z.object({
  engine: z.literal('sqlite'),
  databases: z.array(
    z.object({
      /** In the container. */
      name: z.string(),
      /** As the guest sees it. */
      path: z.string(),
      /** Null where the file is gone. */
      pages: countSchema.nullable(),
      pageBytes: countSchema,
      /** It gives pages back by itself (`auto_vacuum`). */
      shrinks: z.boolean(),
      /** What `quick_check` said, `ok` for a sound one; null where it was too big to be asked. */
      check: z.string().nullable(),
    }),
  ),
});
export type SqliteMarker = z.infer<typeof sqliteMarkerSchema>;

/** Where a database stood at one moment, in its own words. */
export const dataMarkerSchema = z.discriminatedUnion('engine', [
  postgresMarkerSchema,
  mariaDbMarkerSchema,
  redisMarkerSchema,
  sqliteMarkerSchema,
]);
export type DataMarker = z.infer<typeof dataMarkerSchema>;

/**
 * A service's marker as the manifest carries it. It is taken at the end of the service's preparation, while writes
 * go on: what is compared afterwards can only be ahead of it.
 */
export const serviceMarkerSchema = z.object({
  stack: z.string(),
  service: z.string(),
  containerId: z.string(),
  containerName: z.string(),
  takenAt: epochMsSchema,
  marker: dataMarkerSchema,
});
export type ServiceMarker = z.infer<typeof serviceMarkerSchema>;
