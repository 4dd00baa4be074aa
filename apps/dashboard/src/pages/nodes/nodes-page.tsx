import { type NodeView } from '@tacet/protocol';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'wouter';
import { nodesQuery } from '../../api/queries.ts';
import { durationOf, plural } from '../../model/numbers.ts';
import { reachableSaid, restoreWords, trustWords } from '../../model/nodes.ts';
import { Answer } from '../../ui/answer.tsx';
import { Say } from '../../ui/mark.tsx';
import { Ago } from '../../ui/moment.tsx';
import { PageHead } from '../../ui/page-head.tsx';
import { Empty, Panel } from '../../ui/panel.tsx';
import { Simulated } from '../../ui/simulated.tsx';

/** A page that somebody looks at asks the nodes again, and no more often than that. */
const askAgainMs = 60_000;

export function NodesPage() {
  const nodes = useQuery({ ...nodesQuery, refetchInterval: askAgainMs });
  return (
    <>
      <PageHead
        title="Nodes"
        actions={
          <button
            type="button"
            className="button"
            disabled={nodes.isFetching}
            onClick={() => void nodes.refetch()}
          >
            {nodes.isFetching ? 'Asking…' : 'Ask again'}
          </button>
        }
      >
        Where guests live, whether it answers, and which token speaks for whom
      </PageHead>
      <Answer query={nodes} lines={8}>
        {(list) =>
          list.length === 0 ? (
            <Empty title="No node is configured.">
              <p>
                Name one in the controller’s configuration; <span className="mono">tacet pve provision</span>{' '}
                makes its tokens.
              </p>
            </Empty>
          ) : (
            <div className="guest">
              {list.map((node) => (
                <TheNode key={node.name} node={node} />
              ))}
            </div>
          )
        }
      </Answer>
    </>
  );
}

function TheNode({ node }: { node: NodeView }) {
  const { name, url, simulated, reachable, storage } = node;
  return (
    <Panel title={name} aside={simulated && <Simulated />}>
      <p>
        <Say said={reachableSaid(reachable)} />{' '}
        <span className="quiet">
          <Ago at={reachable.at} />
          {reachable.answered && `, after ${durationOf(reachable.tookMs)}`}
        </span>
      </p>
      {!reachable.answered && <p className="break">{reachable.why}</p>}
      <dl className="facts">
        <dt>Address</dt>
        <dd className="mono">{url}</dd>
        <dt>Known by</dt>
        <dd>{trustWords(node)}</dd>
        <dt>Backups go to</dt>
        <dd>{storage}</dd>
        <dt>Restores</dt>
        <dd>{restoreWords(node)}</dd>
      </dl>
      <Tokens tokens={node.tokens} />
    </Panel>
  );
}

function Tokens({ tokens: { shared, restore, guests } }: Pick<NodeView, 'tokens'>) {
  return (
    <>
      <h3 className="facts-head">Tokens</h3>
      <p className="quiet small">
        Their names. Secrets are sealed on the controller’s disk, and shown nowhere.
      </p>
      <dl className="facts">
        <dt>For restores</dt>
        <dd className={restore === null ? 'quiet' : 'mono'}>
          {restore ?? 'none: nothing can be restored here'}
        </dd>
        {shared !== null && (
          <>
            <dt>For all guests</dt>
            <dd>
              <span className="mono">{shared}</span> <br />
              <span className="small">one token may back up every guest: better one each</span>
            </dd>
          </>
        )}
      </dl>
      {guests.length > 0 && (
        <details className="more" open={guests.length <= 12}>
          <summary>{plural(guests.length, 'guest')} with a token of its own</summary>
          <dl className="facts">
            {guests.map(({ vmid, token }) => (
              <div key={vmid} className="facts-row">
                <dt>
                  <Link href={`/guests/${vmid}`}>Guest {vmid}</Link>
                </dt>
                <dd className="mono">{token}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </>
  );
}
