from django.urls import path

from realtime.urls import urlpatterns as product
from tests.guestbook.pages import guest_list

urlpatterns = [path("guests/", guest_list, name="guest_list"), *product]
