import { type ChannelView, channelTestSchema, type Delivery } from '@tacet/protocol';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useChange, useMay } from '../../api/session.ts';
import { usePollMs } from '../../live/live.tsx';
import { dateTimeOf, plural } from '../../model/numbers.ts';
import type { Tone } from '../../model/state.ts';
import { Answer } from '../../ui/answer.tsx';
import { Mark, Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { ProblemNote } from '../../ui/problem-note.tsx';
import { Remove } from '../access/accounts.tsx';
import { ChannelDialog } from './channel-dialog.tsx';
import { channelWords } from './channel-words.ts';
import { channelsQuery, deliveriesQuery } from './channels-query.ts';

export function NotificationsPage() {
  const channels = useQuery({ ...channelsQuery, refetchInterval: usePollMs() });
  const isAdmin = useMay('admin');
  const [isMaking, setMaking] = useState(false);
  const make = (
    <button type="button" className="button button-main" onClick={() => setMaking(true)}>
      New channel
    </button>
  );
  return (
    <>
      <PageHead title="Notifications" actions={isAdmin && make}>
        Who is told what is wrong, and how
      </PageHead>
      <Answer query={channels} lines={6}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="Nobody is told of anything.">
              <p>A channel tells people what went wrong, and what to do next.</p>
            </Empty>
          ) : (
            <div className="guest">
              {list.map((view) => (
                <ChannelPanel key={view.name} view={view} />
              ))}
            </div>
          )
        }
      </Answer>
      {isMaking && <ChannelDialog onClose={() => setMaking(false)} />}
    </>
  );
}

function ChannelPanel({ view }: { view: ChannelView }) {
  const { name, channel, waiting } = view;
  const client = useQueryClient();
  const isAdmin = useMay('admin');
  const mayTest = useMay('operator');
  const [doing, setDoing] = useState<'edit' | 'remove' | null>(null);
  const deliveries = useQuery({ ...deliveriesQuery(name), refetchInterval: usePollMs() });
  const test = useChange(channelTestSchema, () =>
    client.invalidateQueries({ queryKey: channelsQuery.queryKey }),
  );
  const path = `/notifications/${encodeURIComponent(name)}`;
  return (
    <Panel title={name} aside={<span className="quiet">{channel.enabled ? '' : 'disabled'}</span>}>
      <p>{channelWords(view)}</p>
      {waiting > 0 && <p className="quiet">{plural(waiting, 'thing')} to be sent.</p>}
      {mayTest && (
        <div className="actions panel-actions">
          <button
            type="button"
            className="button"
            disabled={test.isPending}
            onClick={() => test.mutate({ path: `${path}/test`, body: {} })}
          >
            {test.isPending ? 'Testing…' : 'Test'}
            <span className="sr"> {name}</span>
          </button>
          {isAdmin && (
            <>
              <button type="button" className="button" onClick={() => setDoing('edit')}>
                Edit…<span className="sr"> {name}</span>
              </button>
              <button type="button" className="button" onClick={() => setDoing('remove')}>
                Remove…<span className="sr"> {name}</span>
              </button>
            </>
          )}
        </div>
      )}
      <div role="status">
        {test.data !== undefined && (
          <p>
            <Say
              said={
                test.data.delivered
                  ? { tone: 'good', words: `The test was delivered: ${test.data.message}` }
                  : { tone: 'bad', words: `The test was not delivered: ${test.data.message}` }
              }
            />
          </p>
        )}
      </div>
      {test.isError && <ProblemNote error={test.error} />}
      <Answer query={deliveries} lines={2}>
        {(list) => (list.length === 0 ? <Empty title="Nothing was sent yet." /> : <Deliveries list={list} />)}
      </Answer>
      {doing === 'edit' && <ChannelDialog view={view} onClose={() => setDoing(null)} />}
      {doing === 'remove' && (
        <Remove
          title={`Remove the channel ${name}`}
          words="What was to be sent through it is not sent any more."
          path={path}
          queryKey={channelsQuery.queryKey}
          onClose={() => setDoing(null)}
        />
      )}
    </Panel>
  );
}

const tones: Record<Delivery['state'], Tone> = { waiting: 'busy', sent: 'good', failed: 'bad' };

function Deliveries({ list }: { list: readonly Delivery[] }) {
  return (
    <ol className="events">
      {list.map(({ id, title, state, attempts, createdAt, nextAt, error }) => (
        <li key={id} className="event">
          <Mark tone={error !== null && state === 'waiting' ? 'watch' : tones[state]} />
          <div>
            <p>
              {title}: {state}
              {attempts > 1 && ` after ${attempts} tries`}
            </p>
            <p className="quiet event-line">
              <Ago at={createdAt} />
              {error !== null && ` · ${error}`}
              {nextAt !== null && error !== null && ` · again at ${dateTimeOf(nextAt)}`}
            </p>
          </div>
        </li>
      ))}
    </ol>
  );
}
