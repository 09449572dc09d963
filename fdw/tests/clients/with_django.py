"""Django and pgvector's fields, in a project of its own: with_django.py URL"""

import pathlib, sys, tempfile
from urllib.parse import urlsplit
import django
from django.conf import settings
from django.core.management import call_command
import page, sample
from plans import used
from segments import merge

url = urlsplit(sys.argv[1])
count = len(sample.rows)
place = {"ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:], "HOST": url.hostname, "PORT": url.port, "USER": url.username}


def project(folder):
    """The files that the page shows, found by the name of their package, and what `manage.py` makes of them."""
    for file in ("shop/__init__.py", "shop/migrations/__init__.py"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).touch()
    for _, text in page.blocks("clients.md")["Django"]:
        page.write(text, folder)
    sys.path.insert(0, str(folder))
    settings.configure(DATABASES={"default": place}, INSTALLED_APPS=["shop"], DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()
    call_command("makemigrations", "shop", verbosity=0)
    written = next(folder.glob("shop/migrations/0002_*.py")).read_text()
    assert "shop.indexes.HitherIndex(" in written and "'ef_construction': 128" in written, written
    call_command("migrate", verbosity=0)
    # What was made is what the models say.
    call_command("makemigrations", "shop", check=True, dry_run=True, verbosity=0)


def tests():
    from django.db import connection, transaction
    from pgvector.django import CosineDistance, L2Distance
    from shop.models import Item

    def nearest(query, way=CosineDistance, **conditions):
        return Item.objects.filter(**conditions).order_by(way("embedding", query))[:10]

    def ids(**conditions):
        return lambda query: [item.id for item in nearest(query, **conditions)]

    def verb(row):
        return row[2] == "verb"

    for statement in ("SELECT 'as a new table is, without statistics'", "ANALYZE shop_item"):
        connection.cursor().execute(statement)
        used(nearest(sample.queries[0]).explain(), "item_embedding")
        used(nearest(sample.queries[0], kind="verb").explain(), "item_embedding", "Index Cond: ((kind)::text = 'verb'::text)")
        assert "item_embedding" not in nearest(sample.queries[0], way=L2Distance).explain()
    # Django numbers rows from 1 where the first has none: these have their own.
    sample.compare(ids(), count)
    sample.compare(ids(kind="verb"), count, verb)
    sample.compare(ids(kind__in=["verb", "adv"]), count, lambda row: row[2] in ("verb", "adv"))
    sample.compare(ids(title__contains="water"), count, lambda row: "water" in row[1])
    near = Item.objects.annotate(distance=CosineDistance("embedding", sample.queries[0])).order_by("distance")
    used(near[:10].explain(), "item_embedding")
    assert all(abs(item.distance - sample.distances(sample.queries[0])[item.id]) < 1e-6 for item in near[:10])
    merge(sys.argv[1], "item_embedding")
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL hither.ef_search = 320")
        sample.compare(ids(), count, least=0.99, many=100)
        cursor.execute("SELECT effort FROM hither.last_scan()")
        assert cursor.fetchone() == ("ef_search 320",)
    with connection.cursor() as cursor:
        said = connection.introspection.get_constraints(cursor, "shop_item")["item_embedding"]
        assert said["columns"] == ["embedding", "kind"] and said["type"] == "hither", said
        cursor.execute("SELECT reloptions FROM pg_class WHERE relname = 'item_embedding'")
        assert sorted(cursor.fetchone()[0]) == ["ef_construction=128", "m=16"]

    class Back(Exception):
        pass

    try:
        with transaction.atomic():
            Item.objects.filter(kind="verb").delete()
            assert not nearest(sample.queries[0], kind="verb")
            raise Back
    except Back:
        pass
    sample.compare(ids(kind="verb"), count, verb)
    Item.objects.filter(id__lt=4000).delete()
    Item.objects.filter(id=4000).update(embedding=-sample.vectors[4000])
    assert nearest(-sample.vectors[4000])[0].id == 4000
    item = Item.objects.get(id=4000)
    item.embedding = sample.vectors[4000]
    item.save()
    sample.compare(ids(), count, lambda row: row[0] >= 4000)
    sample.compare(ids(kind="verb"), count, lambda row: row[0] >= 4000 and verb(row))
    call_command("migrate", "shop", "0001", verbosity=0)
    call_command("migrate", "shop", verbosity=0)
    assert not nearest(sample.queries[0])
    connection.close()


with tempfile.TemporaryDirectory() as folder:
    project(pathlib.Path(folder))
    page.run("clients.md", "Django", sys.argv[1], files=pathlib.Path(folder), items=sample.items(), query=sample.queries[0])
    tests()
