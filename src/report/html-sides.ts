import type { RecordedExchange } from '../model/recording.ts';
import { answerLines } from './answer-text.ts';
import { html } from './html-markup.ts';
import type { Markup } from './html-markup.ts';
import { shortened } from './printable.ts';
import { alignLines, markChange } from './side-by-side.ts';
import type { SideLine } from './side-by-side.ts';

const TEXT_CHARS = 4000;

/** Two texts beside one another; what only one side has is marked, by colour and as `del` and `ins` for those who hear it. */
export function sidesOf(caption: string, left: string, right: string): Markup {
  return table(caption, 'mirror', [changedRow(shortened(left, TEXT_CHARS), shortened(right, TEXT_CHARS))]);
}

/** The primary's answer beside the one that a mirror gave to the same request. */
export function exchangeSides(exchange: RecordedExchange, mirror: string): Markup {
  const { request, primary, others } = exchange;
  const other = others.find(({ name, role }) => role === 'mirror' && name === mirror);
  const caption = `${request.method} ${shortened(request.target, 300)}: exchange ${exchange.id}`;
  const answer = other?.answer;
  const lines = answer === undefined ? [`(no answer: ${other?.failure ?? 'not kept'})`] : answerLines(answer);
  const rows = alignLines(answerLines(primary), lines).map(rowOf);
  const [same] =
    rows.length === 0
      ? [
          html`<tr>
            <td colspan="2">(no difference in what is kept)</td>
          </tr>`,
        ]
      : [];
  return table(caption, other?.name ?? mirror, same === undefined ? rows : [same]);
}

function table(caption: string, mirror: string, rows: readonly Markup[]): Markup {
  return html`<table class="side">
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        <th scope="col">primary</th>
        <th scope="col">${mirror}</th>
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;
}

function rowOf(line: SideLine): Markup {
  switch (line.kind) {
    case 'same':
      return html`<tr>
        <td>${line.text}</td>
        <td>${line.text}</td>
      </tr>`;
    case 'changed':
      return changedRow(line.left, line.right);
    case 'left':
      return html`<tr>
        <td class="removed"><del>${line.text}</del></td>
        <td></td>
      </tr>`;
    case 'right':
      return html`<tr>
        <td></td>
        <td class="added"><ins>${line.text}</ins></td>
      </tr>`;
    case 'gap':
      return html`<tr class="faint">
        <td colspan="2">… ${line.lines} equal lines</td>
      </tr>`;
  }
}

function changedRow(left: string, right: string): Markup {
  const [a, b] = markChange(left, right);
  return html`<tr>
    <td class="removed">${a.before}<del>${a.changed}</del>${a.after}</td>
    <td class="added">${b.before}<ins>${b.changed}</ins>${b.after}</td>
  </tr>`;
}
