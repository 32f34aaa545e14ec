"""What Azure's network lets through: address sets, security rules, routes, service tags.

Pure: nothing enters that does I/O or looks resources up; callers hand over the rules and routes in force.
"""
