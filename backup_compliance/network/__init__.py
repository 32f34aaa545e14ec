"""What Azure's network lets a VM reach: addresses, service tags, security rules, routes. Pure: knows no host and no ARM client."""
