"""Mutation tests of the core: how many of 300 changes do the tests of a module notice?"""
