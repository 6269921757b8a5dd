"""Speaking to the provider of single sign-on by OpenID Connect. Knows neither people nor their roles."""
