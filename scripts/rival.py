#!/usr/bin/python3
"""What a user would write instead, for make bench: read every group and person
with python-ldap, compare with what is wished, and write the difference.

usage: rival.py URL DN PASSWORD BASE CHANGES.ldif
"""
import sys

import ldap
from ldap.controls import SimplePagedResultsControl

url, dn, password, base, changes = sys.argv[1:]
conn = ldap.initialize(url)
conn.simple_bind_s(dn, password)


def read(where, what, attrs):
    page = SimplePagedResultsControl(True, size=500, cookie="")
    while True:
        msgid = conn.search_ext(where, ldap.SCOPE_SUBTREE, what, attrs, serverctrls=[page])
        _, entries, _, controls = conn.result3(msgid)
        yield from entries
        page.cookie = controls[0].cookie
        if not page.cookie:
            return


people = {d.lower(): e["entryUUID"][0] for d, e in read("ou=people," + base, "(objectClass=inetOrgPerson)", ["uid", "mail", "entryUUID"])}
wished = {}
group = None
for line in open(changes):
    if line.startswith("dn: "):
        group = wished.setdefault(line[4:].strip().lower(), set())
    elif line.startswith("member: "):
        group.add(line[8:].strip())
for d, e in read("ou=groups," + base, "(objectClass=groupOfNames)", ["cn", "member"]):
    have = {m.decode().lower() for m in e["member"]}
    unknown = [m for m in have if m not in people]
    add = [m.encode() for m in wished.get(d.lower(), ()) if m.lower() not in have]
    if add:
        conn.modify_s(d, [(ldap.MOD_ADD, "member", add)])
