// Says in which time zone the browser is, for those who read times in it.

{
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!document.cookie.split("; ").includes(`time_zone=${zone}`)) {
    document.cookie = `time_zone=${zone}; path=/admin/; SameSite=Lax`;
  }
}
