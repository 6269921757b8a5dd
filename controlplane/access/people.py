"""Who may sign in at all, and what is loaded with a person at no query of its own."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from controlplane.access import second_factors
from controlplane.access.memberships import may_enter, principal_of_user


class PeopleBackend(ModelBackend):
    """Django's own, for people who may come into the admin, and with the rows that every request asks for.

    What they may do somewhere, their memberships say; groups and permissions of Django's own say nothing here.
    """

    def get_all_permissions(self, user_obj: Any, obj: Any = None) -> set[str]:
        return {name for permissions, _scope in principal_of_user(user_obj).grants for name in permissions}

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        return principal_of_user(user_obj).has_perm(perm)

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))

    def user_can_authenticate(self, user: Any) -> bool:
        return super().user_can_authenticate(user) and may_enter(user)

    def get_user(self, user_id: Any) -> User | None:
        people = second_factors.marked(User.objects.select_related("preferences", "first_password"))
        user = people.filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None
