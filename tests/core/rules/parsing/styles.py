"""The styles that models answer in, as functions of what they mean to say."""

import json
from collections.abc import Callable

Assignment = dict[str, list[str]]
"""Ranked labels by sample name."""
Style = Callable[[Assignment], str]


def json_records(said: Assignment) -> str:
    return json.dumps([{"name": name, "result": ranked} for name, ranked in said.items()])


def json_by_name(said: Assignment) -> str:
    return json.dumps(said, indent=2)


def json_lines(said: Assignment) -> str:
    rows = ({"image": name, "emotions": ", ".join(ranked)} for name, ranked in said.items())
    return "\n".join(map(json.dumps, rows))


def json_pairs(said: Assignment) -> str:
    return json.dumps(list(said.items()))


def nested_results(said: Assignment) -> str:
    inner = [{"image": name, "emotions": ranked} for name, ranked in said.items()]
    return json.dumps({"status": "ok", "data": {"results": inner}})


def fenced_json(said: Assignment) -> str:
    return f"```json\n{json_records(said)}\n```"


def json_among_prose(said: Assignment) -> str:
    return f"Sure! I looked at each of them:\n\n{json_records(said)}\n\nLet me know if it helps."


def json_array_of_lines(said: Assignment) -> str:
    return json.dumps([f"{name}: {', '.join(ranked)}" for name, ranked in said.items()])


def python_dicts(said: Assignment) -> str:
    return repr([{"name": name, "result": tuple(ranked)} for name, ranked in said.items()])


def label_score_objects(said: Assignment) -> str:
    return json.dumps(
        [
            {
                "name": name,
                "result": [
                    {"label": label, "score": round(0.9**place, 6)}
                    for place, label in enumerate(ranked)
                ],
            }
            for name, ranked in said.items()
        ]
    )


def scores_by_label(said: Assignment) -> str:
    return json.dumps(
        {
            name: {label: round(0.9**place, 6) for place, label in enumerate(ranked)}
            for name, ranked in said.items()
        }
    )


def ranks_in_no_order(said: Assignment) -> str:
    return json.dumps(
        {
            name: [
                {"rank": place, "emotion": label}
                for place, label in reversed(list(enumerate(ranked, 1)))
            ]
            for name, ranked in said.items()
        }
    )


def named_lines(said: Assignment) -> str:
    return "\n".join(f"{name}: {', '.join(ranked)}" for name, ranked in said.items())


def arrows(said: Assignment) -> str:
    return "\n".join(f"{name}: {' > '.join(ranked)}" for name, ranked in said.items())


def bold_bullets(said: Assignment) -> str:
    return "\n".join(f"- **{name}**: {', '.join(ranked).title()}" for name, ranked in said.items())


def numbered_list(said: Assignment) -> str:
    return "\n".join(
        f"{number}. {name}: {', '.join(ranked)}"
        for number, (name, ranked) in enumerate(said.items(), 1)
    )


def bare_numbers(said: Assignment) -> str:
    return "\n".join(f"{name.split()[-1]}. {', '.join(ranked)}" for name, ranked in said.items())


def headings(said: Assignment) -> str:
    blocks = []
    for name, ranked in said.items():
        listed = "\n".join(f"{place}. {label}" for place, label in enumerate(ranked, 1))
        blocks.append(f"### {name}\n{listed}\n")
    return "\n".join(blocks)


def yaml_lists(said: Assignment) -> str:
    return "\n".join(
        f"{name}:\n" + "\n".join(f"  - {label}" for label in ranked)
        for name, ranked in said.items()
    )


def markdown_table(said: Assignment) -> str:
    rows = "\n".join(f"| {name} | {', '.join(ranked)} |" for name, ranked in said.items())
    return f"| Name | Labels |\n|------|--------|\n{rows}"


def csv_rows(said: Assignment) -> str:
    return "\n".join(f"{name},{','.join(ranked)}" for name, ranked in said.items())


def csv_with_header(said: Assignment) -> str:
    rows = "\n".join(f'"{name}","{"; ".join(ranked)}"' for name, ranked in said.items())
    return f"name,labels\n{rows}"


def shares(said: Assignment) -> str:
    return "\n".join(
        f"{name}: " + ", ".join(f"{label} ({90 - place}%)" for place, label in enumerate(ranked))
        for name, ranked in said.items()
    )


def tagged(said: Assignment) -> str:
    return f"<think>Is it sad? Image 1: neutral.</think>\n<answer>{json_by_name(said)}</answer>"


STYLES: list[Style] = [
    json_records,
    json_by_name,
    json_lines,
    json_pairs,
    nested_results,
    fenced_json,
    json_among_prose,
    json_array_of_lines,
    python_dicts,
    label_score_objects,
    scores_by_label,
    ranks_in_no_order,
    named_lines,
    arrows,
    bold_bullets,
    numbered_list,
    bare_numbers,
    headings,
    yaml_lists,
    markdown_table,
    csv_rows,
    csv_with_header,
    shares,
    tagged,
]
