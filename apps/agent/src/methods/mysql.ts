import type { ServiceLabels } from '@tacet/protocol';
import { inheritedMariaDbLock, MariaDbMethod } from './mariadb.ts';
import type { MethodPorts, MethodTarget } from './method.ts';

/**
 * MySQL differs from MariaDB in what its server answers, and is asked: an image or a label cannot tell them
 * apart for sure. Its DDL survives a crash by itself, so `LOCK INSTANCE FOR BACKUP` would add nothing here.
 */
export class MySqlMethod extends MariaDbMethod {
  constructor(target: MethodTarget, ports: MethodPorts, labels: ServiceLabels) {
    super(target, ports, labels, 'mysql');
  }
}

export const inheritedMySqlLock = inheritedMariaDbLock;
