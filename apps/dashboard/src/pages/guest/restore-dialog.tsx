import type { Backup } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { backupsQuery, guestsQuery } from '../../api/queries.ts';
import { bytesOf, dateTimeOf } from '../../model/numbers.ts';
import { freeVmid, originWords, suggestedBackup, vmidProblem } from '../../model/restore.ts';
import { consistencySaid } from '../../model/verdict.ts';
import { Answer } from '../../ui/answer.tsx';
import { Dialog, DialogEnd } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Mark, Say } from '../../ui/mark.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { useStart } from './backup-dialog.tsx';
import { WhatComesBack } from './what-comes-back.tsx';

/** As a copy beside the original, which overwrites nothing; or in place, which has to be said twice. */
export function RestoreDialog({ vmid, onClose }: { vmid: number; onClose: () => void }) {
  const backups = useQuery(backupsQuery(vmid));
  const guests = useQuery(guestsQuery);
  return (
    <Dialog title={`Restore guest ${vmid}`} onClose={onClose}>
      <Answer query={backups} lines={6}>
        {(list) => (
          <RestoreForm
            vmid={vmid}
            backups={list}
            suggested={freeVmid(vmid, guests.data ?? [])}
            taken={new Set((guests.data ?? []).flatMap((guest) => guest.vmid ?? []))}
            onClose={onClose}
          />
        )}
      </Answer>
    </Dialog>
  );
}

interface RestoreFormProps {
  readonly vmid: number;
  readonly backups: readonly Backup[];
  readonly suggested: number;
  readonly taken: ReadonlySet<number>;
  readonly onClose: () => void;
}

function RestoreForm({ vmid, backups, suggested, taken, onClose }: RestoreFormProps) {
  const id = useId();
  const [backupId, setBackupId] = useState(suggestedBackup(backups)?.id ?? '');
  const [isInPlace, setInPlace] = useState(false);
  const [confirmed, setConfirmed] = useState('');
  const [isSafe, setSafe] = useState(true);
  const [to, setTo] = useState(String(suggested));
  const [storage, setStorage] = useState('');
  const start = useStart();
  const backup = backups.find((one) => one.id === backupId);
  const copyProblem = vmidProblem(to) ?? (taken.has(Number(to)) ? `There is a guest ${to} already.` : null);
  const problem = isInPlace ? (confirmed === String(vmid) ? null : `Type ${vmid}.`) : copyProblem;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (problem !== null || backup === undefined) return;
    const where = storage.trim() === '' ? {} : { storage: storage.trim() };
    const target = isInPlace
      ? { to: vmid, replace: true, safety: isSafe ? 'backup' : 'none' }
      : { to: Number(to) };
    start.mutate({ path: `/guests/${vmid}/restores`, body: { backupId, ...target, ...where } });
  };
  return (
    <form onSubmit={submit}>
      <div className="field">
        <label htmlFor={id}>Backup</label>
        <select id={id} value={backupId} onChange={({ target }) => setBackupId(target.value)}>
          {backupId === '' && <option value="">Choose one</option>}
          {backups.map((one) => (
            <option key={one.id} value={one.id}>
              {dateTimeOf(one.finishedAt)}, {consistencySaid(one.verdict.consistency).words}
              {one.sizeBytes === null ? '' : `, ${bytesOf(one.sizeBytes)}`}, {originWords(one.origin)}
            </option>
          ))}
        </select>
      </div>
      <fieldset className="choices">
        <legend>Where to</legend>
        <label>
          <input type="radio" name={`${id}-where`} checked={!isInPlace} onChange={() => setInPlace(false)} />
          A copy beside the original
        </label>
        <label>
          <input type="radio" name={`${id}-where`} checked={isInPlace} onChange={() => setInPlace(true)} />
          In place: guest {vmid} is replaced
        </label>
      </fieldset>
      {!isInPlace && (
        <Field
          label="As guest"
          hint="A VMID that is free."
          inputMode="numeric"
          value={to}
          onChange={({ target }) => setTo(target.value)}
          problem={copyProblem}
        />
      )}
      <Field
        label="Storage of its disks"
        hint="Left empty: the one that the node has configured."
        value={storage}
        onChange={({ target }) => setStorage(target.value)}
      />
      {backup !== undefined && isInPlace && (
        <>
          <div className="note note-bad">
            <Mark tone="bad" />
            <div>
              <p>
                Guest {vmid} becomes what it was on {dateTimeOf(backup.startedAt)}. Its disks and its
                snapshots are destroyed, and what was written since then is lost.
              </p>
              <p>
                <Say said={consistencySaid(backup.verdict.consistency)} />
              </p>
            </div>
          </div>
          <label className="tool-check">
            <input type="checkbox" checked={isSafe} onChange={({ target }) => setSafe(target.checked)} />
            Back it up first, as it is now
          </label>
          <Field
            label={`Type ${vmid} to confirm`}
            inputMode="numeric"
            autoComplete="off"
            value={confirmed}
            onChange={({ target }) => setConfirmed(target.value)}
          />
        </>
      )}
      {backup !== undefined && !isInPlace && problem === null && (
        <div className="note">
          <div>
            <p>
              Guest {to} will be made from what guest {vmid} was on {dateTimeOf(backup.startedAt)}, and
              started. It heals by itself, and this page says when it is ready. Guest {vmid} is not touched.
            </p>
            <p>
              <Say said={consistencySaid(backup.verdict.consistency)} />
            </p>
          </div>
        </div>
      )}
      {backup !== undefined && <WhatComesBack vmid={vmid} backup={backup} />}
      {start.isError && <ProblemNote error={start.error} />}
      <DialogEnd onClose={onClose}>
        <button
          type="submit"
          className="button button-main"
          disabled={start.isPending || problem !== null || backup === undefined}
        >
          {start.isPending ? 'Asking…' : 'Restore'}
        </button>
      </DialogEnd>
    </form>
  );
}
