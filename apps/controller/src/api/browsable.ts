import { html } from 'hono/html';
import { z } from 'zod';

type Html = ReturnType<typeof html>;

const mediaSchema = z.record(z.string(), z.object({ schema: z.unknown() }));
const operationSchema = z.object({
  summary: z.string(),
  security: z.array(z.record(z.string(), z.array(z.string()))).default([]),
  parameters: z
    .array(z.object({ name: z.string(), in: z.string(), required: z.boolean().default(false) }))
    .default([]),
  requestBody: z.object({ content: mediaSchema }).optional(),
  responses: z.record(z.string(), z.object({ description: z.string(), content: mediaSchema.optional() })),
});
const documentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
});

/** An OpenAPI description as one page for people: no script, no style, nothing from elsewhere. */
export function browsable(description: unknown): Html {
  const { info, paths } = documentSchema.parse(description);
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <meta name="color-scheme" content="light dark" />
        <title>${info.title}: HTTP API</title>
      </head>
      <body>
        <h1>${info.title} ${info.version}: HTTP API</h1>
        <p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
        ${routes.map(({ name, operation }) => route(name, operation))}
      </body>
    </html>`;
}

function route(name: string, operation: z.infer<typeof operationSchema>): Html {
  const { summary, security, parameters, requestBody, responses } = operation;
  const [role] = security.flatMap((way) => Object.values(way).flat());
  return html`<h2 id="${name}"><code>${name}</code></h2>
    <p>${summary}. ${role === undefined ? 'For anybody.' : `Needs the role ${role}.`}</p>
    ${
      parameters.length === 0
        ? ''
        : html`<ul>
            ${parameters.map(
              (one) =>
                html`<li><code>${one.name}</code> (${one.in}${one.required ? '' : ', may be left out'})</li>`,
            )}
          </ul>`
    }
    ${requestBody === undefined ? '' : content('Body', requestBody.content)}
    ${Object.entries(responses).map(([status, { description, content: body }]) =>
      body === undefined
        ? html`<p>${status}: ${description}</p>`
        : content(`${status}: ${description}`, body),
    )}`;
}

function content(title: string, media: z.infer<typeof mediaSchema>): Html {
  return html`${Object.entries(media).map(
    ([type, { schema }]) =>
      html`<details>
        <summary>${title} (${type})</summary>
        <pre>${JSON.stringify(schema, null, 2)}</pre>
      </details>`,
  )}`;
}
