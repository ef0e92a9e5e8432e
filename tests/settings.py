"""The settings of the tests: the product's, and one app more, which the product does not know."""

from realtime.settings import *  # noqa: F403
from realtime.settings import INSTALLED_APPS as PRODUCT

INSTALLED_APPS = [*PRODUCT, "tests.guestbook"]
ROOT_URLCONF = "tests.urls"
