"""How fast guests are read, against what ssh itself costs and against one command at a time.

`python -m selftests.bench` as root. Everything it makes lives in kernel namespaces of its own: see `sealed`.
"""
