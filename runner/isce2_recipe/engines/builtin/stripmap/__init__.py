"""The steps of ISCE2's stripmapApp."""
