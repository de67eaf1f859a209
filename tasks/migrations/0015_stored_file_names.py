import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0003_indexes"),
        ("tasks", "0014_standing"),
    ]

    operations = [
        migrations.AddField(
            model_name="storedfile",
            name="name",
            field=models.CharField(default="", max_length=160),
        ),
        migrations.RemoveField(model_name="storedfile", name="digest"),
        migrations.AlterField(
            model_name="storedfile",
            name="group",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="stored_files",
                to="groups.group",
            ),
        ),
        migrations.AlterField(
            model_name="storedfile",
            name="task",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="stored_files",
                to="tasks.task",
            ),
        ),
        migrations.AddIndex(
            model_name="storedfile",
            index=models.Index(fields=["name"], name="stored_file_name"),
        ),
    ]
