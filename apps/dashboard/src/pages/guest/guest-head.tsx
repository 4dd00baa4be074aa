import type { Guest } from '@tacet/protocol';
import { useNow } from '../../live/now.ts';
import { concernsOf } from '../../model/attention.ts';
import { nameOf, nodeOf, poolOf, readiness, tagsOf } from '../../model/state.ts';
import { Mark, Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Simulated } from '../../ui/simulated.tsx';
import { GuestActions } from './guest-actions.tsx';

const agesMoveEveryMs = 60_000;

/** Who it is, how it is, and what needs somebody. */
export function GuestHead({ guest }: { guest: Guest }) {
  const { vmid, agentVersion, lastSeenAt, quiesceState, connected } = guest;
  const concerns = concernsOf(guest, useNow(agesMoveEveryMs));
  const name = nameOf(guest);
  const title = `${name === '' ? 'Guest' : name} ${vmid ?? 'without a VMID'}`;
  const node = nodeOf(guest);
  const pool = poolOf(guest);
  const tags = tagsOf(guest);
  return (
    <>
      <PageHead
        title={title}
        heading={
          <>
            {name === '' ? 'Guest' : name} <span className="number quiet">{vmid ?? 'without a VMID'}</span>{' '}
            {guest.simulated && <Simulated />}
          </>
        }
        actions={<GuestActions vmid={vmid} guest={guest} />}
      >
        <span role="status">
          <Say said={readiness(guest)} />
        </span>
        {node !== null && ` · on ${node}`}
        {pool !== null && ` · pool ${pool}`}
        {tags.length > 0 && ` · ${tags.join(', ')}`}
        {connected && agentVersion !== null && ` · agent ${agentVersion}`}
        {!connected && lastSeenAt !== null && (
          <>
            {' '}
            · last seen <Ago at={lastSeenAt} />
          </>
        )}
        {quiesceState !== null && quiesceState !== 'idle' && ` · ${quiesceState}`}
      </PageHead>
      {concerns.length > 0 && (
        <ul className="concerns" aria-label="What needs you">
          {concerns.map(({ level, words, detail }) => (
            <li key={words} className={level === 'act' ? 'note note-bad' : 'note note-watch'}>
              <Mark tone={level === 'act' ? 'bad' : 'watch'} />
              <div>
                <p>{words.charAt(0).toUpperCase() + words.slice(1)}</p>
                {detail !== null && <p className="quiet">{detail}</p>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
