"""The lineage report: one HTML page that needs no network, with every data version as a picture and as a table."""
