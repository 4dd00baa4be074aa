import type { GuestSnapshot } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { snapshotsQuery } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { dateTimeOf } from '../../model/numbers.ts';
import { consistencySaid } from '../../model/verdict.ts';
import { Answer } from '../../ui/answer.tsx';
import { Field } from '../../ui/field.tsx';
import { Say } from '../../ui/mark.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { StartDialog } from './start-dialog.tsx';

/** There while a backup is written, and left behind by one that was killed: nothing to go back to. */
const ofVzdump = 'vzdump';

/** Points to go back to, on the guest's own storage. */
export function Snapshots({ vmid }: { vmid: number }) {
  const snapshots = useQuery(snapshotsQuery(vmid));
  const mayOperate = useMay('operator');
  const [isTaking, setTaking] = useState(false);
  const [back, setBack] = useState<GuestSnapshot | null>(null);
  return (
    <Panel
      title="Snapshots"
      aside={
        mayOperate && (
          <button type="button" className="button" onClick={() => setTaking(true)}>
            Take one…
          </button>
        )
      }
    >
      <Answer query={snapshots} lines={2}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="There is none.">
              <p>Take one before something that may go wrong, and roll back when it did.</p>
            </Empty>
          ) : (
            <ul className="rows">
              {list.map((snapshot) => (
                <li key={snapshot.name} className="row">
                  <div>
                    <p>
                      <strong>{snapshot.held?.before ?? snapshot.name}</strong>
                    </p>
                    <p className="quiet small">
                      {snapshot.takenAt !== null && `${dateTimeOf(snapshot.takenAt)}, `}
                      <span className="mono">{snapshot.name}</span>
                    </p>
                    {snapshot.held !== null && (
                      <p className="small">
                        <Say said={consistencySaid(snapshot.held.verdict.consistency)} />
                      </p>
                    )}
                  </div>
                  {mayOperate && snapshot.name !== ofVzdump && (
                    <button type="button" className="button" onClick={() => setBack(snapshot)}>
                      Roll back…<span className="sr"> to {snapshot.name}</span>
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )
        }
      </Answer>
      {isTaking && <TakeDialog vmid={vmid} onClose={() => setTaking(false)} />}
      {back !== null && (
        <StartDialog
          title={`Roll guest ${vmid} back to ${back.name}`}
          words={`Guest ${vmid} becomes what it was${back.takenAt === null ? '' : ` on ${dateTimeOf(back.takenAt)}`}. Everything that was written since then is lost. It heals by itself, and is asked whether it is ready.`}
          word="Roll back"
          path={`/guests/${vmid}/rollbacks`}
          body={{ name: back.name }}
          onClose={() => setBack(null)}
        />
      )}
    </Panel>
  );
}

function TakeDialog({ vmid, onClose }: { vmid: number; onClose: () => void }) {
  const [before, setBefore] = useState('');
  return (
    <StartDialog
      title={`Take a snapshot of guest ${vmid}`}
      words="Its services are held while it is taken, as for a backup. It stays on the guest's own storage: it is no backup."
      word="Take it"
      path={`/guests/${vmid}/snapshots`}
      body={before.trim() === '' ? undefined : { before: before.trim() }}
      onClose={onClose}
    >
      <Field
        label="Before what"
        hint="As: upgrade nextcloud. Its name comes of it."
        required
        value={before}
        onChange={({ target }) => setBefore(target.value)}
      />
    </StartDialog>
  );
}
