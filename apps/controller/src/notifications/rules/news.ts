import type { NotificationKind, Operation } from '@tacet/protocol';
import type { Incident, IncidentKey } from '../../store/notification-news.ts';
import type { Notice } from '../notice.ts';

/** How the backup of a guest went, for whoever is told each time. */
export interface BackupResult {
  readonly vmid: number;
  readonly good: boolean;
  readonly text: string;
}

/** What comes of something that happened. */
export interface News {
  readonly notices?: readonly Notice[];
  readonly result?: BackupResult;
  readonly opened?: readonly Incident[];
  readonly closed?: readonly IncidentKey[];
}

export const nothing: News = {};

/** What rules ask about what happened. */
export interface Facts {
  operation(id: string): Promise<Operation | undefined>;
  /** What a backup is to be worth: less than `app` where its schedule holds nobody. */
  wantedOf(operationId: string): Promise<'app' | 'crash'>;
  guest(id: string): Promise<{ readonly vmid: number | null; readonly identity: string } | undefined>;
  isOpen(kind: NotificationKind, vmid: number): boolean;
}
