from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("tasks", "0016_verification")]

    operations = [
        migrations.AddField(
            model_name='contribution',
            name='checks',
            field=models.PositiveIntegerField(
                default=0, help_text='Subtasks that it computed again, to check others',
            ),
        ),
        migrations.AddField(
            model_name='contribution',
            name='taken_out',
            field=models.PositiveIntegerField(
                default=0, help_text='Subtasks whose results it sent and that were taken out again',
            ),
        ),
        migrations.AddField(
            model_name='taskhistory',
            name='parts',
            field=models.JSONField(default=list),
        ),
    ]
