"""Who may sign in at all, and what is loaded with a person at no query of its own."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from controlplane.access import second_factors


class PeopleBackend(ModelBackend):
    """Django's own, for people who may come into the admin, and with the rows that every request asks for."""

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and user.is_staff

    def get_user(self, user_id: Any) -> User | None:
        people = second_factors.marked(User.objects.select_related("preferences", "first_password"))
        user = people.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None
