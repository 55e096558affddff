"""Mutation tests of the core: for how many of 300 changes does a test of the changed
module fail?
"""
