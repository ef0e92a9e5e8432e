from django.urls import path

from blog.syndication.atom import PostFeed
from blog.views import books, desk, media, people, posts, writing

urlpatterns = [
    path("", posts.post_list, name="post_list"),
    path("post/new/", writing.post_new, name="post_new"),
    path("post/<int:pk>/", posts.post_detail, name="post_detail"),
    path("post/<int:pk>/edit/", writing.post_edit, name="post_edit"),
    path("post/<int:pk>/withdraw/", writing.post_withdraw, name="post_withdraw"),
    path("post/<int:pk>/restore/", writing.post_restore, name="post_restore"),
    path("post/<int:pk>/like/", posts.post_like, name="post_like"),
    path("books/", books.book_list, name="book_list"),
    path("book/<int:pk>/", books.book_detail, name="book_detail"),
    path("book/<int:pk>/build/", books.book_build, name="book_build"),
    path("author/<int:pk>/", books.author_detail, name="author_detail"),
    path("tag/<str:slug>/", books.tag_detail, name="tag_detail"),
    path("desk/", desk.desk, name="desk"),
    path("feed/", PostFeed(), name="feed"),
    path("sign-in/", people.SignIn.as_view(), name="sign_in"),
    path("sign-out/", people.SignOut.as_view(), name="sign_out"),
    path("password/", people.PasswordChange.as_view(), name="password_change"),
    path("favicon.ico", media.favicon, name="favicon"),
    path("media/<path:path>", media.media, name="media"),
]
