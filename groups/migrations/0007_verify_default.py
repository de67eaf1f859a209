from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("groups", "0006_group_names_as_seen")]

    operations = [
        migrations.AddField(
            model_name='group',
            name='verify_default',
            field=models.CharField(
                blank=True,
                choices=[('', ''), ('auto', 'auto'), ('sample', 'sample'), ('all', 'all')],
                default='',
                max_length=6,
            ),
        ),
    ]
