import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import blog.models.books


class Migration(migrations.Migration):
    """Makes a new database. The files that it replaces migrate one that was begun with them, until the next release."""

    replaces = [
        ('blog', '0001_initial'),
        ('blog', '0002_accounts'),
    ]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='ModelSample',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('path', models.FileField(max_length=200, upload_to='learner/model_sample_files', verbose_name='path')),
                ('num_of_inference', models.PositiveIntegerField(default=0, verbose_name='number of inferences')),
                ('used_cols', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=11, verbose_name='used columns')),
                ('status', models.CharField(choices=[('pending', 'pending'), ('on_product', 'on product')], default='pending', max_length=20, verbose_name='status')),
                ('start_date', models.DateTimeField(verbose_name='start date')),
                ('end_date', models.DateTimeField(verbose_name='end date')),
            ],
            options={
                'verbose_name': 'ModelSample',
                'verbose_name_plural': 'ModelSamples',
                'ordering': ('start_date', 'end_date'),
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Author',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('user', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='byline', to=settings.AUTH_USER_MODEL, verbose_name='account')),
            ],
            options={
                'verbose_name': 'author',
                'verbose_name_plural': 'authors',
                'ordering': ['name', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Authorship',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('contribution', models.CharField(blank=True, default='', max_length=100, verbose_name='contribution')),
                ('date_joined', models.DateField(default=django.utils.timezone.localdate, verbose_name='date joined')),
                ('order', models.PositiveIntegerField(default=blog.models.books.last_place, verbose_name='order')),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='blog.author', verbose_name='author')),
            ],
            options={
                'verbose_name': 'authorship',
                'verbose_name_plural': 'authorships',
                'ordering': ['order', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Book',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('slug', models.SlugField(allow_unicode=True, blank=True, max_length=90, unique=True, verbose_name='slug')),
                ('cover', models.FileField(blank=True, upload_to='covers', verbose_name='cover')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('published', 'published'), ('withdrawn', 'withdrawn')], default='published', max_length=12, verbose_name='state')),
                ('withdrawn', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='withdrawn')),
                ('reason', models.CharField(blank=True, default='', max_length=200, verbose_name='reason')),
                ('authors', models.ManyToManyField(related_name='books', through='blog.Authorship', to='blog.author', verbose_name='authors')),
            ],
            options={
                'verbose_name': 'book',
                'verbose_name_plural': 'books',
                'ordering': ['title', 'pk'],
            },
        ),
        migrations.AddField(
            model_name='authorship',
            name='book',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='blog.book', verbose_name='book'),
        ),
        migrations.CreateModel(
            name='Edition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('file', models.FileField(max_length=200, upload_to='editions', verbose_name='file')),
                ('built', models.DateTimeField(default=django.utils.timezone.now, verbose_name='built')),
                ('book', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='editions', to='blog.book', verbose_name='book')),
            ],
            options={
                'verbose_name': 'edition',
                'verbose_name_plural': 'editions',
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='Like',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'like',
                'verbose_name_plural': 'likes',
            },
        ),
        migrations.CreateModel(
            name='Post',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('text', models.TextField(max_length=50000, verbose_name='text')),
                ('published_date', models.DateTimeField(blank=True, null=True, verbose_name='published')),
                ('chapter', models.PositiveIntegerField(blank=True, null=True, verbose_name='chapter')),
                ('pinned', models.BooleanField(default=False, verbose_name='pinned')),
                ('key_event', models.BooleanField(default=False, verbose_name='key event')),
                ('urgent', models.BooleanField(default=False, verbose_name='urgent')),
                ('state', models.CharField(choices=[('draft', 'draft'), ('submitted', 'submitted'), ('scheduled', 'scheduled'), ('published', 'published'), ('withdrawn', 'withdrawn')], default='draft', max_length=12, verbose_name='state')),
                ('withdrawn', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='withdrawn')),
                ('reason', models.CharField(blank=True, default='', max_length=200, verbose_name='reason')),
                ('source', models.CharField(blank=True, editable=False, max_length=300, null=True, unique=True, verbose_name='source')),
                ('source_digest', models.CharField(blank=True, default='', editable=False, max_length=64, verbose_name='source digest')),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('author', models.ForeignKey(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='posts', to=settings.AUTH_USER_MODEL, verbose_name='account')),
                ('book', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='chapters', to='blog.book', verbose_name='book')),
                ('byline', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='posts', to='blog.author', verbose_name='byline')),
                ('liked_by', models.ManyToManyField(blank=True, related_name='liked', through='blog.Like', to=settings.AUTH_USER_MODEL, verbose_name='liked by')),
            ],
            options={
                'verbose_name': 'post',
                'verbose_name_plural': 'posts',
                'ordering': ['-published_date', '-pk'],
                'permissions': [('publish_post', 'Can publish posts'), ('edit_any_post', 'Can edit posts of others')],
            },
        ),
        migrations.AddField(
            model_name='like',
            name='post',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='blog.post', verbose_name='post'),
        ),
        migrations.CreateModel(
            name='Publication',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(default='Stop Press', max_length=100, verbose_name='title')),
                ('standfirst', models.CharField(blank=True, default='', max_length=300, verbose_name='standfirst')),
                ('summary', models.TextField(blank=True, default='', verbose_name='what you need to know')),
                ('zone', models.CharField(default='UTC', max_length=64, verbose_name='time zone')),
                ('language', models.CharField(default='en', max_length=8, verbose_name='language')),
                ('hold', models.PositiveSmallIntegerField(default=0, verbose_name='hold, seconds')),
                ('ended', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
            ],
            options={
                'verbose_name': 'publication',
                'verbose_name_plural': 'publication',
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='publication_is_one')],
            },
        ),
        migrations.CreateModel(
            name='Revision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('title', models.CharField(max_length=200, verbose_name='title')),
                ('text', models.TextField(verbose_name='text')),
                ('time', models.DateTimeField(default=django.utils.timezone.now, verbose_name='time')),
                ('by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('post', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='blog.post', verbose_name='post')),
            ],
            options={
                'verbose_name': 'revision',
                'verbose_name_plural': 'revisions',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Tag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('slug', models.SlugField(allow_unicode=True, blank=True, max_length=90, unique=True, verbose_name='slug')),
            ],
            options={
                'verbose_name': 'tag',
                'verbose_name_plural': 'tags',
                'ordering': ['name', 'pk'],
                'constraints': [models.CheckConstraint(condition=models.Q(('slug', ''), _negated=True), name='tag_has_a_slug')],
            },
        ),
        migrations.CreateModel(
            name='Tagging',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('post', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='blog.post', verbose_name='post')),
                ('tag', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='blog.tag', verbose_name='tag')),
            ],
            options={
                'verbose_name': 'tagging',
                'verbose_name_plural': 'taggings',
            },
        ),
        migrations.AddField(
            model_name='post',
            name='tags',
            field=models.ManyToManyField(blank=True, related_name='posts', through='blog.Tagging', to='blog.tag', verbose_name='tags'),
        ),
        migrations.AddConstraint(
            model_name='authorship',
            constraint=models.UniqueConstraint(fields=('book', 'author'), name='authorship_once'),
        ),
        migrations.AddConstraint(
            model_name='edition',
            constraint=models.UniqueConstraint(fields=('book', 'number'), name='edition_once'),
        ),
        migrations.AddConstraint(
            model_name='like',
            constraint=models.UniqueConstraint(fields=('post', 'user'), name='like_once'),
        ),
        migrations.AddConstraint(
            model_name='tagging',
            constraint=models.UniqueConstraint(fields=('post', 'tag'), name='tagging_once'),
        ),
        migrations.AddIndex(
            model_name='post',
            index=models.Index(models.F('state'), models.OrderBy(models.F('published_date'), descending=True), name='post_by_date'),
        ),
        migrations.AddIndex(
            model_name='post',
            index=models.Index(fields=['book', 'chapter'], name='post_by_chapter'),
        ),
        migrations.AddConstraint(
            model_name='post',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'published'), _negated=True), ('published_date__isnull', False), _connector='OR'), name='published_has_a_date', violation_error_message='What is published has a date.'),
        ),
    ]
