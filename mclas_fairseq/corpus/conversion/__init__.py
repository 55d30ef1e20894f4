"""Conversion: spreadsheets, JSON, Parquet and plain text of the user's own to records."""
