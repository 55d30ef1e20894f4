"""Optimizer and schedule with one rate for the encoder and one for the rest.

The folder is not called by fairseq, which looks for tasks and models only: the package imports it.
"""
