"""What commands that show what was said have in common."""

import click

#: Gives the command `form`: "text" or "json".
text_or_json = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="To read, or for programs.",
)
