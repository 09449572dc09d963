"""What a page of docs/ shows, run as it stands: Python and SQL, section by section. What lies in a file of the user's begins
with a comment that names it, and is written there."""

import ast, asyncio, inspect, pathlib, re
import psycopg

folder = pathlib.Path(__file__).parents[3] / "docs"


def blocks(page):
    """The blocks of each section with a title of the second degree: language and text."""
    sections, title = {}, ""
    for part in re.split(r"^(## [^\n]*|```[a-z]+\n.*?^```$)", (folder / page).read_text(encoding="utf-8"), flags=re.M | re.S):
        if part.startswith("## "):
            title = part[3:]
            assert title not in sections, f"{page} has {title} twice"
            sections[title] = []
        elif part.startswith("```"):
            language, text = part[3:-3].split("\n", 1)
            assert title and language in ("python", "sql"), f"{page}: a block of {language} after {title!r}"
            sections[title].append((language, text))
    return sections


def statements(text):
    """SQL's, each ended by a semicolon at the end of a line, and what a comment says that it is or gives."""
    return [statement for statement in re.split(r";[ \t]*(?:--[^\n]*)?\n", text) if re.sub(r"--[^\n]*", "", statement).strip()]


def run_sql(url, text):
    """Each statement by itself, as psql sends them."""
    with psycopg.connect(url, autocommit=True) as session:
        for statement in statements(text):
            try:
                session.execute(statement)
            except psycopg.Error as error:
                raise AssertionError(f"{statement.strip()}\n{error}") from error


def write(text, folder):
    """A block that begins with the name of a file becomes that."""
    file = re.match(r"# (\w+(?:/\w+)+\.py)\n", text)
    if file:
        path = folder / file[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return file


def steps(page, section, url, files, names):
    """Runs the blocks of a section in their order, but for those that are files. Of one that awaits, gives what is to be awaited."""
    names.update(url=url, __name__="__page__")
    for number, (language, text) in enumerate(blocks(page)[section], 1):
        if files and write(text, files):
            continue
        if language == "sql":
            run_sql(url, text)
            continue
        code = compile(text, f"{page}, {section}, block {number}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.iscoroutine(result):
            yield result


def run(page, section, url, files=None, **names):
    """Gives the names that are known afterwards."""
    for step in steps(page, section, url, files, names):
        asyncio.run(step)
    return names


async def run_async(page, section, url, **names):
    """The same where an event loop runs."""
    for step in steps(page, section, url, None, names):
        await step
    return names


def main():
    """What the pages show that tests run is all run."""
    tests = "".join(path.read_text() for path in pathlib.Path(__file__).parent.glob("with_*.py"))
    left = [f"{page}, {section}" for page in set(re.findall(r'"(\w+\.md)"', tests)) for section, shown in blocks(page).items()
            if shown and f'"{page}", "{section}"' not in tests]
    assert not left, f"no test runs {left}"


if __name__ == "__main__":
    main()
